/** Progress on a terminal as one bar that is redrawn; elsewhere only whole lines. Both go to stderr. */

import { type Options, type Params, Presets, SingleBar } from 'cli-progress';
import type { EpochReport, TrainingEvents } from '../train/train.js';

export interface ProgressDisplay extends TrainingEvents {
  /** A task before training: loading, decoding, compiling. */
  task(name: string, done: number, total: number): void;
  /** A line that stays. */
  line(text: string): void;
  stop(): void;
}

export interface BudgetTargets {
  readonly weightKbytes: number;
  readonly activationKbytes: number;
  readonly activationType: 'max' | 'sum';
}

export function progressDisplay(epochs: number, budget: BudgetTargets): ProgressDisplay {
  const terminal = process.stderr.isTTY;
  const bar = terminal
    ? new SingleBar({ hideCursor: true, clearOnComplete: true, format: renderBar }, Presets.shades_classic)
    : null;
  let active = '';
  let sizes = '';
  const show = (name: string, total: number): void => {
    if (active === name) return;
    if (active) bar?.stop();
    bar?.start(total, 0, { text: '' });
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
      show(name, total);
      bar?.update(done, { text: name });
      if (done >= total) stop();
    },
    line,
    stop,
    onStep: ({ epoch, batch, batches, metrics, imagesPerSecond }) => {
      show('train', epochs * batches);
      const text = [
        `epoch ${epoch}/${epochs}`,
        `${imagesPerSecond.toFixed(0)} img/s`,
        `loss ${metrics.loss1.toFixed(3)}`,
        `err ${percent(metrics.error)}`,
        sizes,
      ];
      bar?.update((epoch - 1) * batches + batch, { text: text.filter(Boolean).join('  ') });
    },
    onEpoch: (report) => {
      sizes = sizesText(report, budget);
      line(epochLine(report, epochs, sizes));
    },
  };
}

function renderBar(options: Options, at: Params, payload: { text: string }): string {
  const size = 24;
  const filled = Math.round(at.progress * size);
  const drawn =
    (options.barCompleteString ?? '').slice(0, filled) + (options.barIncompleteString ?? '').slice(0, size - filled);
  const left = Number.isFinite(at.eta) && at.progress > 0 ? `  ${duration(at.eta)} left` : '';
  const text = `${drawn} ${percent(at.progress)}  ${payload.text}${left}`;
  return text.slice(0, (process.stderr.columns ?? 120) - 1);
}

function epochLine(report: EpochReport, epochs: number, sizes: string): string {
  return [
    `epoch ${String(report.epoch).padStart(String(epochs).length)}/${epochs}`,
    `loss ${report.loss.toFixed(4)}`,
    `train err ${percent(report.training.error)}`,
    `val err ${percent(report.evaluation.error)}`,
    sizes,
    `${report.imagesPerSecond.toFixed(0)} img/s`,
    report.isBest ? 'best' : report.obeysBudget ? '' : 'over budget',
  ]
    .filter(Boolean)
    .join('  ');
}

function sizesText({ quantizers }: EpochReport, budget: BudgetTargets): string {
  const { weights_kb, activations_max_kb, activations_sum_kb } = quantizers.sizes;
  const activations = budget.activationType === 'max' ? activations_max_kb : activations_sum_kb;
  return `W ${against(weights_kb, budget.weightKbytes)}  A(${budget.activationType}) ${against(activations, budget.activationKbytes)}`;
}

function against(kbytes: number, target: number): string {
  return target > 0 ? `${kbytes.toFixed(1)}/${target} kB` : `${kbytes.toFixed(1)} kB`;
}

export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}

export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  const minutes = Math.floor(s / 60);
  return minutes < 60
    ? `${minutes}:${String(s % 60).padStart(2, '0')} min`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
