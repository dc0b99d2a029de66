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
import type { Interval, Quantizer } from './quantizer.js';
import { clamp, exponentOf, nearestPowerOfTwo, powerOfTwo } from './rounding.js';

/** Relative distance from a value at which bits change; more than float32 rounds, on any engine. */
export const capMargin = 2 ** -20;

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
  if (inferredBits(q, p0, p1) <= cap) return [p0, p1];
  switch (q.kind) {
    case 'fp':
    case 'pow2':
      return [p0, p1];
    case 'parametric_fp_d_xmax': {
      const d = backToOctave(p0, before[0], q.bounds.d);
      const largestInteger = powerOfTwo(cap - (q.signed ? 1 : 0)) - 1;
      return [d, Math.min(p1, (largestInteger + 0.5) * snapped(d, q.bounds.d) * (1 - capMargin))];
    }
    case 'parametric_pow2_xmin_xmax': {
      const xmin = backToOctave(p0, before[0], q.accountingXmin);
      const octaves = powerOfTwo(cap - 1) - 1;
      const top = powerOfTwo(exponentOf(snapped(xmin, q.accountingXmin)) + octaves);
      return [xmin, Math.min(p1, top * Math.SQRT2 * (1 - capMargin))];
    }
    case 'parametric_fp':
    case 'parametric_fp_b_xmax':
    case 'parametric_fp_d_b':
    case 'parametric_pow2':
    case 'parametric_pow2_b_xmax':
    case 'parametric_pow2_b_xmin':
      return [Math.min(p0, cap), p1];
    default:
      return q.kind satisfies never;
  }
}

/** `after`, or where its octave is below that of `before`, the lower edge of the latter. */
function backToOctave(after: number, before: number, limits: Interval): number {
  const octave = snapped(before, limits);
  return snapped(after, limits) < octave ? octave * Math.SQRT1_2 * (1 + capMargin) : after;
}

function snapped(value: number, { min, max }: Interval): number {
  return nearestPowerOfTwo(clamp(value, min, max));
}
