/**
 * Caps on the inferred bits of a quantizer: the last of three changes of its learned values in an update, after the
 * solver's step and the projection into limits.
 *
 * Bits follow from snapped values, so a cap is broken if one of them jumps: the step (or the smallest magnitude) by an
 * octave down, or the range beyond the capped levels. A jump of the fine end is undone: the value returns to the edge
 * of the octave that it left. Otherwise the range is lowered. If the range followed the step instead, a step that
 * wavers between two powers of two would halve it at once. Values within the cap do not change.
 */
import { inferredBits } from './inferredBitwidth.js';
import { kindNamed } from './kinds/index.js';
import type { Quantizer } from './quantizer.js';

/**
 * The values `after` an update, changed to have at most `cap` bits, also where an engine rounds them to float32: that may
 * carry a value over the edge of its octave. The values `before` the update have at most `cap` bits. Fixed kinds do not
 * change. `cap` must be at least `smallestBits` of the quantizer.
 */
export function capBits(
  q: Quantizer,
  cap: number,
  before: readonly [number, number],
  after: readonly [number, number],
): [number, number] {
  const [p0, p1] = after;
  const stored = [Math.fround(p0), Math.fround(p1)] as const;
  const broken = [after, stored].find((values) => inferredBits(q, ...values) > cap);
  return broken ? kindNamed(q.kind).capped(q, cap, before, broken) : [p0, p1];
}
