/** A curve over the epochs: a line, and points where they help to read it. */
import { LINE_WIDTH } from './theme.js';

/** Up to so many epochs each gets a point; beyond, points would only thicken the line. */
const POINT_EPOCHS = 15;

/**
 * Layers that draw the data of the enclosing layer, whose rows carry `run` and `epoch`. In a long plot only the last
 * epoch of each solid curve is a point: where a run ended shows, and a run of one epoch is not lost among longer ones.
 * Dashed curves, which accompany solid ones, have points only where a single epoch gives no line.
 */
export function curveMarks(epochs: readonly number[], dashed = false): object[] {
  const line = {
    type: 'line',
    strokeJoin: 'round',
    strokeWidth: dashed ? LINE_WIDTH / 1.6 : LINE_WIDTH,
    ...(dashed ? { strokeDash: [4, 3] } : {}),
  };
  const point = { type: 'point', filled: true, opacity: 1, size: 32 };
  const epochCount = new Set(epochs).size;
  if (dashed && epochCount > 1) return [{ mark: line }];
  if (epochCount <= POINT_EPOCHS) return [{ mark: line }, { mark: point }];
  const last = [
    { joinaggregate: [{ op: 'max', field: 'epoch', as: 'lastEpoch' }], groupby: ['run'] },
    { filter: 'datum.epoch === datum.lastEpoch' },
  ];
  return [{ mark: line }, { transform: last, mark: point }];
}
