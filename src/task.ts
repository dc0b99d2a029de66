/**
 * Tasks: the loss of a network, the targets of its outputs, and the metric by which networks are selected and reported.
 *
 * Inside this program every metric is an *error*, of which less is better: the fraction of wrong predictions, the mean
 * squared error, 1 − AUC, 1 − mean IoU. Files and messages have the metric itself, under its own name.
 */

export const lossKinds = ['classes', 'values', 'labels', 'pixels'] as const;
/**
 * - `classes`: softmax cross-entropy of one class an input.
 * - `values`: mean squared error of numbers.
 * - `labels`: binary cross-entropy of several labels an input.
 * - `pixels`: softmax cross-entropy of one class a pixel.
 */
export type LossKind = (typeof lossKinds)[number];

export const metricNames = ['error', 'mse', 'auc', 'iou'] as const;
export type MetricName = (typeof metricNames)[number];

export interface Task {
  readonly loss: LossKind;
  /** Targets of the outputs: the data's, or the normalised input itself for an autoencoder. */
  readonly target: 'data' | 'input';
  readonly metric: MetricName;
}

export const classification: Task = { loss: 'classes', target: 'data', metric: 'error' };

/** The default metric of a loss. */
export const usualMetric: Readonly<Record<LossKind, MetricName>> = {
  classes: 'error',
  values: 'mse',
  labels: 'auc',
  pixels: 'iou',
};

/** Metrics that are allowed with a loss. The AUC of an autoencoder's errors judges anomaly detection. */
export function metricsOf({ loss, target }: Pick<Task, 'loss' | 'target'>): readonly MetricName[] {
  return loss === 'values' && target === 'input' ? ['mse', 'auc'] : [usualMetric[loss]];
}

/** The metric counted by the engine while training, without reading outputs; for labels and pixels the wrong ones. */
export function trainingMetric({ loss }: Pick<Task, 'loss'>): MetricName {
  return loss === 'values' ? 'mse' : 'error';
}

export interface Metric {
  /** Part of the names of columns and keys: `val_err`, `best_val_auc`. */
  readonly key: 'err' | 'mse' | 'auc' | 'iou';
  /** Name in words. */
  readonly title: string;
  /** True if it is told in percent. */
  readonly inPercent: boolean;
  /** Converts an error to the metric, and the metric to an error. */
  readonly of: (error: number) => number;
}

const itself = (error: number): number => error;
const rest = (error: number): number => 1 - error;

export const metrics: Readonly<Record<MetricName, Metric>> = {
  error: { key: 'err', title: 'error', inPercent: true, of: itself },
  mse: { key: 'mse', title: 'MSE', inPercent: false, of: itself },
  auc: { key: 'auc', title: 'AUC', inPercent: false, of: rest },
  iou: { key: 'iou', title: 'mean IoU', inPercent: true, of: rest },
};

/**
 * The record with errors, in keys that end in `_err` (`train_err`, `best_val_err`), converted to metrics under their
 * own names (`train_mse`, `best_val_auc`); with `toErrors` the inverse.
 */
export function namedMetrics<T extends object>(record: T, task: Task, toErrors = false): T {
  const entries = Object.entries(record).map(([name, value]) => {
    const [, what, key] = /^(.*_|)(err|mse|auc|iou)$/.exec(name) ?? [];
    if (what === undefined || (!toErrors && key !== 'err')) return [name, value];
    const own = metrics[what === 'train_' ? trainingMetric(task) : task.metric];
    return [`${what}${toErrors ? 'err' : own.key}`, typeof value === 'number' ? own.of(value) : value];
  });
  return Object.fromEntries(entries) as T;
}

/** The task in settings as in config.json; those of older versions are all classifications. */
export function taskOf(settings: Readonly<Record<string, unknown>>): Task {
  const { loss, target, metric } = settings as Partial<Task>;
  return loss && target && metric ? { loss, target, metric } : classification;
}

/** An error as its metric in words, with its name: `error 8.13 %`, `AUC 0.9312`. */
export function namedMetric(name: MetricName, error: number): string {
  return `${metrics[name].title} ${metricText(name, error)}`;
}

/**
 * An error as its metric in words, without its name: `8.13 %`, `0.0312`.
 *
 * @example
 * ```ts
 * import { metricText, open } from 'mixed-precision-dnns';
 *
 * const network = await open('experiments/QUICKSTART/params_best.safetensors');
 * const { error } = await network.evaluate(data.test);
 * console.log(metricText(network.task.metric, error));
 * ```
 */
export function metricText(name: MetricName, error: number, digits = 2): string {
  const { inPercent, of } = metrics[name];
  if (inPercent) return `${(100 * of(error)).toFixed(digits)} %`;
  return Number.isFinite(error) ? String(Number(of(error).toPrecision(digits + 2))) : String(error);
}
