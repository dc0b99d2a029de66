/** Progress of a run in words, on stderr: the texts behind its bar, and a line an epoch. */

import { gbopsText } from '../gbops.js';
import { kilobyteDecimals, kilobytesText } from '../kilobytes.js';
import type { ActivationType } from '../quant/index.js';
import type { RunEvents } from '../runs/runEvents.js';
import { evaluatedOn, type Selection } from '../selection.js';
import type { Experiment } from '../settings/index.js';
import { type MetricName, metrics, metricText, type Task, trainingMetric } from '../task.js';
import type { EpochReport } from '../train/recorder.js';
import { type Bar, singleBar, terminalColumns } from './bar.js';

export interface ProgressDisplay extends RunEvents {
  stop(): void;
}

/** The settings that the progress texts depend on. */
export interface ProgressFrame extends BudgetTargets {
  readonly epochs: number;
  readonly select: Selection;
  readonly task: Task;
}

interface BudgetTargets {
  readonly weightKbytes: number;
  readonly activationKbytes: number;
  readonly activationType: ActivationType;
  readonly gbops: number;
  readonly cost: number;
}

export function progressFrame({ budget, training, task }: Experiment): ProgressFrame {
  return {
    epochs: training.epochs,
    select: training.select,
    task,
    weightKbytes: budget.targetWeightKbytes,
    activationKbytes: budget.targetActivationKbytes,
    activationType: budget.targetActivationType,
    gbops: budget.targetGbops,
    cost: budget.targetCost,
  };
}

/** A display of single tasks, such as loading, counting or measuring. */
export function taskDisplay(bar: Bar = singleBar()): Pick<ProgressDisplay, 'task' | 'line' | 'stop'> {
  return {
    task: (name, done, total) => {
      bar.show(name, done, total, { words: [name, percent(total > 0 ? done / total : 1, 0)], short: [name] });
      if (done >= total) bar.stop();
    },
    line: bar.line,
    stop: bar.stop,
  };
}

export function progressDisplay(frame: ProgressFrame, bar: Bar = singleBar()): ProgressDisplay {
  const { epochs, task } = frame;
  const trained = trainingMetric(task);
  const terminal = process.stderr.isTTY;
  let last: EpochReport | null = null;
  let begin: { readonly done: number; readonly timeMs: number } | null = null;
  return {
    ...taskDisplay(bar),
    onStep: ({ epoch, batch, batches, metrics: means, imagesPerSecond, waiting }) => {
      const done = (epoch - 1) * batches + batch;
      const total = epochs * batches;
      const now = performance.now();
      begin ??= { done, timeMs: now };
      // Averaged over all steps since this start, so that evaluations count too.
      const left = (((now - begin.timeMs) / 1000) * (total - done)) / (done - begin.done);
      const speed = `${imagesPerSecond.toFixed(0)} img/s`;
      const known = Number.isFinite(left);
      const words = [
        percent(done / total, 1),
        `epoch ${epoch}/${epochs}`,
        speed,
        `loss ${means.loss1.toFixed(3)}`,
        `${wordOf(trained)} ${metricText(trained, means.error, 1)}`,
        waitText(waiting),
        last ? sizesText(last, frame) : '',
        known ? `${duration(left)} left` : '',
      ];
      const short = [
        `${epoch}/${epochs}`,
        speed,
        `loss ${means.loss1.toPrecision(3)}`,
        `${wordOf(trained)} ${metricText(trained, means.error, 0)}`,
        waiting < NOTABLE_WAIT ? '' : `wait ${percent(waiting, 0)}`,
        last ? shortSizes(last, frame) : '',
        known ? `${duration(left).replace(' min', '')} left` : '',
      ];
      const columns = [
        `${epoch}/${epochs}`.padStart(2 * String(epochs).length + 1),
        `loss ${means.loss1.toPrecision(3)}`.padEnd(10),
        `${wordOf(trained)} ${metricText(trained, means.error, 0)}`.padEnd(9),
        last ? shortSizes(last, frame) : '',
      ];
      bar.show('train', done, total, { words, short, columns });
    },
    onEpoch: (report) => {
      last = report;
      const words = epochLine(report, frame);
      bar.line(terminal && words.length >= terminalColumns() ? shortEpochLine(report, frame) : words);
    },
  };
}

function epochLine(report: EpochReport, frame: ProgressFrame): string {
  const { trained, metric } = metricsIn(frame);
  return [
    epochOf(report, frame),
    `loss ${report.loss.toFixed(4)}`,
    `train ${wordOf(trained)} ${metricText(trained, report.training.error)}`,
    `${imagesOf(frame)} ${wordOf(metric)} ${metricText(metric, report.evaluation.error)}`,
    sizesText(report, frame),
    `${report.imagesPerSecond.toFixed(0)} img/s`,
    waitText(report.waiting),
    budgetWord(report, frame),
    bestWord(report, frame),
  ]
    .filter(Boolean)
    .join('  ');
}

/** The line of an epoch in at most 80 columns, unless large numbers leave no room. */
function shortEpochLine(report: EpochReport, frame: ProgressFrame): string {
  const { trained, metric } = metricsIn(frame);
  return [
    epochOf(report, frame),
    `loss ${report.loss.toPrecision(3)}`,
    `${wordOf(trained)} ${metricText(trained, report.training.error, 1)}`,
    `${imagesOf(frame)} ${metricText(metric, report.evaluation.error, 1)}`,
    shortSizes(report, frame),
    bestWord(report, frame) || budgetWord(report, frame),
  ]
    .filter(Boolean)
    .join('  ')
    .slice(0, terminalColumns() - 1);
}

function metricsIn({ task }: ProgressFrame): { readonly trained: MetricName; readonly metric: MetricName } {
  return { trained: trainingMetric(task), metric: task.metric };
}

/** The short word for a metric. */
export function wordOf(name: MetricName): string {
  return name === 'error' ? 'err' : metrics[name].title;
}

function imagesOf({ select }: ProgressFrame): string {
  return evaluatedOn(select) === 'test' ? 'test' : 'val';
}

/** Marks an epoch that is better than all before; empty where the last one is kept, whatever its error. */
function bestWord({ isBest }: EpochReport, { select }: ProgressFrame): string {
  return isBest && select !== 'last' ? 'best' : '';
}

/** Tells in a word whether the epoch is inside the budget; empty without a budget. */
function budgetWord({ obeysBudget }: EpochReport, budget: BudgetTargets): string {
  const { weightKbytes, activationKbytes, gbops, cost } = budget;
  if (Math.max(weightKbytes, activationKbytes, gbops, cost) <= 0) return '';
  return obeysBudget ? 'inside' : 'outside';
}

function epochOf({ epoch }: EpochReport, { epochs }: ProgressFrame): string {
  return `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
}

/** A smaller fraction of waiting is usual between any two processes that pass data on. */
const NOTABLE_WAIT = 0.05;

/** A remark if decoding images is slower than training on them. */
function waitText(waiting: number): string {
  return waiting < NOTABLE_WAIT ? '' : `waits for images ${percent(waiting, 0)}`;
}

function sizesText(report: EpochReport, budget: BudgetTargets): string {
  const { weights, activations } = sizesAgainst(report, budget);
  const { gbops, cost } = report.quantizers.sizes;
  const operations = budget.gbops > 0 && gbops !== null ? `  ${gbopsText(gbops)}/${budget.gbops} GBOPs` : '';
  const spent = budget.cost > 0 ? `  cost ${Number(cost?.toPrecision(4))}/${budget.cost}` : '';
  return `W ${weights} kB  A(${budget.activationType}) ${activations} kB${operations}${spent}`;
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

/** The kB of a budget, with as many digits as tell both apart. */
function against(kbytes: number, target: number): string {
  return target > 0
    ? `${kbytes.toFixed(kilobyteDecimals(target, target < 10 ? 2 : 1))}/${target}`
    : kilobytesText(kbytes, 1);
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
