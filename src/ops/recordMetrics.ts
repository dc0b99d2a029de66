/** Adds the losses of a step to the metrics, and records the first place of a non-finite number. */

import { METRICS, PENALTIES } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import type { MutableNumbers } from './solver.js';

export interface RecordedLayers {
  /** Offset and length of each layer's statistics. */
  readonly layers: readonly { readonly name: string; readonly offset: number; readonly length: number }[];
}

const signature = {
  operands: { loss: '[2]', penalties: '[6]', statistics: '[...N]' },
  /** Sums over steps, updated in place (see METRICS). */
  results: { metrics: '[8]' },
} as const;

export type RecordMetrics = Operation<typeof signature, RecordedLayers>;

export const recordMetricsDefinition: Definition<RecordMetrics> = {
  op: 'recordMetrics',
  ...signature,
  check: ({ layers }, { N }) => {
    const beyond = layers.find(({ offset, length }) => offset < 0 || offset + length > N);
    return beyond ? `layer ${beyond.name} ends at ${beyond.offset + beyond.length}, right would be at most ${N}` : null;
  },
  gradient: 'none',
  compute: ({ loss, penalties, statistics }, { metrics }, attributes) =>
    recordMetrics(attributes, loss, penalties, statistics, metrics),
};

/**
 * Updates `metrics` (see METRICS) by one step. `loss`: the loss and the number of wrong predictions. `statistics`: the
 * batch statistics of the attributes' layers.
 */
export function recordMetrics(
  { layers }: RecordedLayers,
  loss: ArrayLike<number>,
  penalties: ArrayLike<number>,
  statistics: ArrayLike<number>,
  metrics: MutableNumbers,
): void {
  const add = (position: number, value: number) => {
    metrics[position] = metrics[position]! + value;
  };
  add(METRICS.steps, 1);
  add(METRICS.loss1, loss[0]!);
  add(METRICS.wrong, loss[1]!);
  add(METRICS.loss2, penalties[PENALTIES.loss2]!);
  add(METRICS.loss3, penalties[PENALTIES.loss3]!);
  if (metrics[METRICS.badStep] !== 0) return;
  const layer = layers.findIndex(({ offset, length }) => !allFinite(statistics, offset, length));
  if (layer < 0 && Number.isFinite(loss[0])) return;
  metrics[METRICS.badStep] = metrics[METRICS.steps]!;
  metrics[METRICS.badLayer] = layer < 0 ? layers.length : layer;
}

function allFinite(values: ArrayLike<number>, offset: number, length: number): boolean {
  for (let i = offset; i < offset + length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}
