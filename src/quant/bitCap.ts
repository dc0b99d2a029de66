/**
 * Keeps the inferred bits of a quantizer at or below a cap after an update: the third thing, after the solver's step and
 * the projection into limits, that decides where learned values end up.
 *
 * Bits follow from snapped values, so a cap is broken where one of them jumps: the step (or the smallest magnitude) by an
 * octave down, or the range beyond what the capped levels reach. A jump of the fine end is undone, it goes back to the
 * edge of the octave it left; otherwise the range is lowered. Had the range to follow the step instead, a step that
 * wavers between two powers of two would halve it at once. Values that keep the cap stay as they are.
 */
import { inferredBits } from './inferredBitwidth.js';
import { kindNamed } from './kinds/index.js';
import type { Quantizer } from './quantizer.js';

/** A cap that binds no quantizer. */
export const noBitCap = 64;

/**
 * The values after an update, with at most `cap` bits. `before` are those before it, which keep the cap. Fixed kinds
 * stay as they are. `cap` must be at least `smallestBits` of the quantizer.
 */
export function capBits(
  q: Quantizer,
  cap: number,
  before: readonly [number, number],
  after: readonly [number, number],
): [number, number] {
  const [p0, p1] = after;
  return inferredBits(q, p0, p1) <= cap ? [p0, p1] : kindNamed(q.kind).capped(q, cap, before, after);
}
