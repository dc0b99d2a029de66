/**
 * Progress of a plan: on a terminal a bar of all runs above a line of each active run; elsewhere a line of one of them now
 * and then. Both keep a line of each ended run.
 */

import { MultiBar, Presets } from 'cli-progress';
import { printable } from '../errors.js';
import { kilobytesText } from '../kilobytes.js';
import { openRunFolder, readSummary } from '../runs/index.js';
import type { PlanEvents, PlanPosition, RunEnd } from '../runs/plan/executePlan.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { runRoot } from '../runs/plan/standing.js';
import { metricText } from '../task.js';
import { type Bar, type BarTexts, renderBar, terminalColumns, terminalRows, writtenBar } from './bar.js';
import { duration, progressDisplay, progressFrame, wordOf } from './progress.js';

export interface PlanDisplay extends PlanEvents {
  stop(): void;
}

/** Fraction of a run below which its time says little about the time of all. */
const TELLING = 0.05;

/** A slot for an active run. */
interface Place {
  run: PlannedRun | null;
  /** Fraction of the run that is done. */
  fraction: number;
}

/**
 * The display of a plan.
 *
 * @param atOnce number of runs that may be active at a time
 */
export function planDisplay(atOnce: number): PlanDisplay {
  // A terminal of few rows would show lines again and again.
  const shown = Math.min(atOnce, Math.max(1, terminalRows() - 2));
  const hidden = shown < atOnce ? `${shown} of ${atOnce} at a time are shown` : '';
  const bars = drawnBars(shown);
  const started = performance.now();
  const places = Array.from({ length: atOnce }, (): Place => ({ run: null, fraction: 0 }));
  const written = writtenBar();
  let ended = 0;
  /** Runs trained in this call; reused runs take no time. */
  let trained = 0;
  const placeOf = ({ run }: PlanPosition): number => {
    const own = places.findIndex((each) => each.run === run);
    return own >= 0 ? own : places.findIndex((each) => each.run === null);
  };
  const showAll = ({ run, index, total }: PlanPosition): void => {
    const underWay = places.reduce((sum, { fraction }) => sum + fraction, 0);
    const [done, worked] = [ended + underWay, trained + underWay];
    const left = ((performance.now() - started) / 1000) * ((total - done) / worked);
    const rest = worked > TELLING ? `${duration(left)} left` : '';
    const texts: BarTexts =
      atOnce === 1
        ? {
            words: [`run ${index} of ${total}`, `seed ${run.seed}`, run.experiment.name, rest],
            short: [`${index}/${total}`, rest],
          }
        : { words: [`${ended} of ${total} runs`, rest, hidden], short: [`${ended}/${total}`, rest, hidden] };
    bars?.show(0, done, total, texts);
  };
  const line = (text: string): void => {
    if (bars) bars.log(`${printable(text)}\n`);
    else written.line(text);
  };
  const barOf = (at: PlanPosition, place: number): Bar => ({
    show: (name, done, total, texts) => {
      // As wide as the terminal, so that no bar moves the columns.
      const row = [rowHeadOf(at), ...(texts.columns ?? texts.short)].join('  ').padEnd(terminalColumns() - 1);
      bars?.show(1 + place, done, total, atOnce === 1 ? texts : { words: [row], short: [row] });
      if (name === 'train') places[place]!.fraction = done / total;
      showAll(at);
      if (!bars) written.show(name, done, total, { words: [headOf(at), ...texts.words], short: [] });
    },
    // Lines of single runs, such as one an epoch, would be too many.
    line: () => {},
    stop: () => {},
  });
  return {
    runs: (at) => {
      const place = placeOf(at);
      Object.assign(places[place]!, { run: at.run, fraction: 0 });
      showAll(at);
      return progressDisplay(progressFrame(at.run.experiment), barOf(at, place));
    },
    ends: (at, end) => {
      const place = placeOf(at);
      Object.assign(places[place]!, { run: null, fraction: 0 });
      ended++;
      if (end.type === 'finished' || end.type === 'failed') trained++;
      bars?.show(1 + place, 0, 1, { words: [], short: [] });
      line(endLine(at, end));
    },
    line,
    stop: () => bars?.stop(),
  };
}

/** The display of ranks other than the first. */
export const silentPlanDisplay: PlanDisplay = {
  runs: () => ({ task: () => {}, line: () => {} }),
  ends: () => {},
  line: () => {},
  stop: () => {},
};

/** One bar for all runs and one for each of the first active ones; null if stderr is no terminal. */
function drawnBars(shown: number) {
  if (!process.stderr.isTTY) return null;
  const bars = new MultiBar({ hideCursor: true, clearOnComplete: true, format: renderBar }, Presets.shades_classic);
  // Separate objects, since a bar keeps its texts in the one that it is given.
  const nothing = (): BarTexts => ({ words: [], short: [] });
  const drawn = Array.from({ length: 1 + shown }, () => bars.create(1, 0, nothing()));
  return {
    show: (at: number, done: number, total: number, texts: BarTexts): void => {
      const bar = drawn[at];
      bar?.setTotal(total);
      bar?.update(done, texts);
    },
    log: (line: string) => bars.log(line),
    stop: (): void => {
      // Lines are only written at the next drawing.
      bars.update();
      bars.stop();
    },
  };
}

function headOf({ run, index, total }: PlanPosition): string {
  return `[${String(index).padStart(String(total).length)}/${total}] seed ${run.seed} ${run.experiment.name}`;
}

/** The path of a run; letters are left out of a long one. */
function rowHeadOf({ run: { path } }: PlanPosition): string {
  if (path.length <= headWidth) return path.padEnd(headWidth);
  const begin = 'seed-0/'.length + 2;
  return `${path.slice(0, begin)}…${path.slice(begin + 1 - headWidth)}`;
}

/** Letters of a run's path: what fits beside the other columns in 80. */
const headWidth = 20;

function endLine(at: PlanPosition, end: RunEnd): string {
  const { run } = at;
  const head = headOf(at);
  if (end.type === 'not finished') return `${head}  not finished`;
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
    `W ${kilobytesText(summary.weights_kb, 1)} kB`,
    end.type === 'finished' ? duration(summary.seconds) : '',
  ]
    .filter(Boolean)
    .join('  ');
}
