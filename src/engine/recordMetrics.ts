/** Adds the losses of a step to the metrics, and notes the first place where numbers stop being finite. */

import { type Attributes, METRICS, PENALTIES } from '../ops/attributes.js';
import type { MutableNumbers } from './solver.js';

/**
 * Updates `metrics` (see METRICS) by one step. `loss` holds the loss and the number of wrong predictions, `statistics`
 * what the attributes' layers point into.
 */
export function recordMetrics(
  { layers }: Attributes['recordMetrics'],
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
