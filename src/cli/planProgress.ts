/**
 * The progress of a plan: on a terminal one bar for all runs above the bar of the run under way; elsewhere a line
 * now and then. Both keep the line that each run leaves when it ends.
 */

import { MultiBar, Presets } from 'cli-progress';
import { printable } from '../errors.js';
import { openRunFolder, readSummary } from '../runs/index.js';
import type { PlanEvents, PlanPosition, RunEnd } from '../runs/plan/executePlan.js';
import { runRoot } from '../runs/plan/standing.js';
import { metricText } from '../task.js';
import { type Bar, type BarTexts, renderBar, writtenBar } from './bar.js';
import { duration, progressDisplay, progressFrame, wordOf } from './progress.js';

export interface PlanDisplay extends PlanEvents {
  stop(): void;
}

/** Less than this part of a run tells little about the time of all. */
const TELLING = 0.05;

export function planDisplay(): PlanDisplay {
  const bars = twoBars();
  const written = writtenBar();
  const started = performance.now();
  /** Runs trained here; those that are reused take no time. */
  let trained = 0;
  const showAll = ({ run, index, total }: PlanPosition, fraction: number): void => {
    const done = index - 1 + fraction;
    const worked = trained + fraction;
    const left = ((performance.now() - started) / 1000) * ((total - done) / worked);
    const rest = worked > TELLING ? `${duration(left)} left` : '';
    const words = [`run ${index} of ${total}`, `seed ${run.seed}`, run.experiment.name, rest];
    bars?.show('all', done, total, { words, short: [`${index}/${total}`, rest] });
  };
  const line = (text: string): void => {
    if (bars) bars.log(`${printable(text)}\n`);
    else written.line(text);
  };
  const barOf = (at: PlanPosition): Bar => ({
    show: (name, done, total, texts) => {
      bars?.show('run', done, total, texts);
      showAll(at, name === 'train' ? done / total : 0);
      if (!bars) written.show(name, done, total, { ...texts, words: [headOf(at), ...texts.words] });
    },
    // What a run has to say, such as a line an epoch, would be too much of all runs.
    line: () => {},
    stop: () => {},
  });
  return {
    runs: (at) => {
      showAll(at, 0);
      return progressDisplay(progressFrame(at.run.experiment), barOf(at));
    },
    ends: (at, end) => {
      if (end.type === 'finished' || end.type === 'failed') trained++;
      line(endLine(at, end));
    },
    line,
    stop: () => bars?.stop(),
  };
}

/** That of a rank other than the first. */
export const silentPlanDisplay: PlanDisplay = {
  runs: () => ({ task: () => {}, line: () => {} }),
  ends: () => {},
  line: () => {},
  stop: () => {},
};

/** Null where stderr is no terminal. */
function twoBars() {
  if (!process.stderr.isTTY) return null;
  const bars = new MultiBar({ hideCursor: true, clearOnComplete: true, format: renderBar }, Presets.shades_classic);
  // An object each: a bar keeps its texts in the one it is given.
  const nothing = (): BarTexts => ({ words: [], short: [] });
  const all = bars.create(1, 0, nothing());
  const run = bars.create(1, 0, nothing());
  return {
    show: (which: 'all' | 'run', done: number, total: number, texts: BarTexts): void => {
      const bar = which === 'all' ? all : run;
      bar.setTotal(total);
      bar.update(done, texts);
    },
    log: (line: string) => bars.log(line),
    stop: (): void => {
      // Lines wait for the next drawing.
      bars.update();
      bars.stop();
    },
  };
}

function headOf({ run, index, total }: PlanPosition): string {
  return `[${String(index).padStart(String(total).length)}/${total}] seed ${run.seed} ${run.experiment.name}`;
}

function endLine(at: PlanPosition, end: RunEnd): string {
  const { run } = at;
  const head = headOf(at);
  if (end.type === 'failed' || end.type === 'left out') return `${head}  ${end.type}: ${end.reason}`;
  const { folder } = openRunFolder(runRoot(run));
  const summary = readSummary(folder);
  const { metric } = folder.task;
  const chosen = summary.best_test_err ?? summary.last_test_err;
  return [
    head,
    end.type === 'reused' ? 'finished before' : '',
    chosen === null ? '' : `test ${wordOf(metric)} ${metricText(metric, chosen)}`,
    summary.best_epoch === null ? 'never inside the budget' : '',
    `W ${summary.weights_kb.toFixed(1)} kB`,
    end.type === 'finished' ? duration(summary.seconds) : '',
  ]
    .filter(Boolean)
    .join('  ');
}
