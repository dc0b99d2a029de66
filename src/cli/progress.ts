/** Progress on a terminal as one bar that is redrawn; elsewhere only whole lines. Both go to stderr. */

import { type Options, type Params, Presets, SingleBar } from 'cli-progress';
import type { ActivationType } from '../quant/index.js';
import type { RunEvents } from '../run/runEvents.js';
import type { EpochReport } from '../train/train.js';

export interface ProgressDisplay extends RunEvents {
  stop(): void;
}

export interface BudgetTargets {
  readonly weightKbytes: number;
  readonly activationKbytes: number;
  readonly activationType: ActivationType;
}

export function progressDisplay(epochs: number, budget: BudgetTargets): ProgressDisplay {
  const terminal = process.stderr.isTTY;
  const bar = terminal
    ? new SingleBar({ hideCursor: true, clearOnComplete: true, format: renderBar }, Presets.shades_classic)
    : null;
  let active = '';
  let last: EpochReport | null = null;
  let begin: { readonly done: number; readonly timeMs: number } | null = null;
  const show = (name: string, done: number, total: number, texts: BarTexts): void => {
    if (active === name) {
      bar?.update(done, texts);
      return;
    }
    if (active) bar?.stop();
    bar?.start(total, done, texts);
    active = name;
  };
  const stop = (): void => {
    if (active) bar?.stop();
    active = '';
  };
  const line = (text: string): void => {
    stop();
    process.stderr.write(`${text}\n`);
  };
  return {
    task: (name, done, total) => {
      show(name, done, total, { words: [name], short: [name] });
      if (done >= total) stop();
    },
    line,
    stop,
    onStep: ({ epoch, batch, batches, metrics, imagesPerSecond }) => {
      const done = (epoch - 1) * batches + batch;
      const total = epochs * batches;
      const now = performance.now();
      begin ??= { done, timeMs: now };
      // From all since the first step of this start: evaluations take their time too.
      const left = (((now - begin.timeMs) / 1000) * (total - done)) / (done - begin.done);
      const speed = `${imagesPerSecond.toFixed(0)} img/s`;
      const known = Number.isFinite(left);
      const words = [
        percent(done / total, 1),
        `epoch ${epoch}/${epochs}`,
        speed,
        `loss ${metrics.loss1.toFixed(3)}`,
        `err ${percent(metrics.error, 1)}`,
        last ? sizesText(last, budget) : '',
        known ? `${duration(left)} left` : '',
      ];
      const short = [
        `${epoch}/${epochs}`,
        speed,
        `loss ${metrics.loss1.toPrecision(3)}`,
        `err ${percent(metrics.error, 0)}`,
        last ? shortSizes(last, budget) : '',
        known ? `${duration(left).replace(' min', '')} left` : '',
      ];
      show('train', done, total, { words, short });
    },
    onEpoch: (report) => {
      last = report;
      const words = epochLine(report, epochs, budget);
      line(terminal && words.length >= terminalColumns() ? shortEpochLine(report, epochs, budget) : words);
    },
  };
}

/** What stands behind the bar: in words, and as short as it can be for narrow terminals. */
interface BarTexts {
  readonly words: readonly string[];
  readonly short: readonly string[];
}

const BAR_MIN = 8;
const BAR_MAX = 24;

/** One line that never wraps; the bar takes the room that the texts leave. */
function renderBar(options: Options, at: Params, { words, short }: BarTexts): string {
  const columns = terminalColumns() - 1;
  const [inWords, inShort] = [words, short].map((parts) => parts.filter(Boolean).join('  ')) as [string, string];
  const text = BAR_MIN + 1 + inWords.length <= columns ? inWords : inShort;
  const size = Math.max(0, Math.min(BAR_MAX, columns - 1 - text.length));
  const filled = Math.round(at.progress * size);
  const drawn =
    (options.barCompleteString ?? '').slice(0, filled) + (options.barIncompleteString ?? '').slice(0, size - filled);
  return (drawn ? `${drawn} ${text}` : text).slice(0, columns);
}

function terminalColumns(): number {
  return process.stderr.columns || 80;
}

function epochLine(report: EpochReport, epochs: number, budget: BudgetTargets): string {
  return [
    epochOf(report, epochs),
    `loss ${report.loss.toFixed(4)}`,
    `train err ${percent(report.training.error)}`,
    `val err ${percent(report.evaluation.error)}`,
    sizesText(report, budget),
    `${report.imagesPerSecond.toFixed(0)} img/s`,
    report.isBest ? 'best' : report.obeysBudget ? '' : 'over budget',
  ]
    .filter(Boolean)
    .join('  ');
}

/** Fits into 80 columns. */
function shortEpochLine(report: EpochReport, epochs: number, budget: BudgetTargets): string {
  return [
    epochOf(report, epochs),
    `loss ${report.loss.toPrecision(4)}`,
    `err ${percent(report.training.error, 1)}`,
    `val ${percent(report.evaluation.error, 1)}`,
    shortSizes(report, budget),
    report.isBest ? 'best' : report.obeysBudget ? '' : 'over',
  ]
    .filter(Boolean)
    .join('  ');
}

function epochOf({ epoch }: EpochReport, epochs: number): string {
  return `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
}

function sizesText(report: EpochReport, budget: BudgetTargets): string {
  const { weights, activations } = sizesAgainst(report, budget);
  return `W ${weights} kB  A(${budget.activationType}) ${activations} kB`;
}

function shortSizes(report: EpochReport, budget: BudgetTargets): string {
  const { weights, activations } = sizesAgainst(report, budget);
  return `W ${weights}  A ${activations} kB`;
}

function sizesAgainst({ quantizers }: EpochReport, budget: BudgetTargets): { weights: string; activations: string } {
  const { sizes } = quantizers;
  return {
    weights: against(sizes.weights_kb, budget.weightKbytes),
    activations: against(sizes[`activations_${budget.activationType}_kb`] ?? 0, budget.activationKbytes),
  };
}

function against(kbytes: number, target: number): string {
  return target > 0 ? `${kbytes.toFixed(1)}/${target}` : kbytes.toFixed(1);
}

export function percent(fraction: number, digits = 2): string {
  return `${(100 * fraction).toFixed(digits)} %`;
}

export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  return minutes < 60
    ? `${minutes}:${String(s % 60).padStart(2, '0')} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
