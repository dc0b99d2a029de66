/** Marks of a curve over epochs: a line, and points where they help to read it. */
import { LINE_WIDTH } from './theme.js';

/** The most epochs for which every epoch has a point; more points would only thicken the line. */
const POINT_EPOCHS = 15;

/**
 * Layers that draw the enclosing layer's data, whose rows have `run` and `epoch`. In a long plot only the last epoch of
 * each solid curve is a point, so that the end of a run, or a run of one epoch, can be seen. Dashed curves, which
 * accompany solid ones, have a point only if a single epoch makes no line.
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
