/**
 * All values that a quantizer can produce with any parameters inside their limits. An engine that stores results in
 * fewer bits than a float may rely on them.
 */

import { kindNamed } from './kinds/index.js';
import { effectiveRange } from './parametrization.js';
import type { Quantizer } from './quantizer.js';
import { nearestPowerOfTwo } from './rounding.js';

export interface QuantizedValues {
  /** Multiples of `smallest`, a power of two; or zero and powers of two from `smallest`, with either sign. */
  readonly form: 'multiples' | 'powers';
  readonly smallest: number;
  readonly largest: number;
  /** For multiples: the most steps between zero and the largest value, for any parameters. */
  readonly levels: number;
}

/** The values of a quantizer; null if they can be anything, or if their grid is no power of two. */
export function quantizedValues(q: Quantizer): QuantizedValues | null {
  const ranges = cornersOf(q).map(([p0, p1]) => effectiveRange(q, p0, p1));
  if (!ranges.flat().every((value) => value > 0 && value < Number.POSITIVE_INFINITY)) return null;
  const [e0, e1] = [ranges.map(([value]) => value), ranges.map(([, value]) => value)];
  const { core, steps, parameters } = kindNamed(q.kind);
  if (core === 'pow2' || core === 'fixedPow2') {
    // With xmin above xmax, their sum is a level.
    if (ranges.some(([low, high]) => low > high)) return null;
    return { form: 'powers', smallest: Math.min(...e0), largest: Math.max(...e1), levels: 1 };
  }
  // A fixed kind has a single state. For a learned one the values between the corners are known only if its steps are
  // powers of two.
  if (steps === 'any' && (parameters.length > 0 || e0.some((step) => nearestPowerOfTwo(step) !== step))) return null;
  // A step from a rounded quotient may differ by one power of two, in float32 and between the corners.
  const margin = steps === 'quotient' ? 2 : 1;
  return {
    form: 'multiples',
    smallest: Math.min(...e0) / margin,
    largest: Math.max(...e1) + (margin * Math.max(...e0)) / 2,
    levels: margin * Math.max(...ranges.map(([step, end]) => end / step)) + 1,
  };
}

/** Effective ranges with both parameters at their limits; the effective range is monotonic in each. */
function cornersOf(q: Quantizer): readonly (readonly [number, number])[] {
  const [first, second] = kindNamed(q.kind).parameters.map((name) => q.bounds[name]);
  if (!first || !second) return [[0, 0]];
  return [first.min, first.max].flatMap((p0) => [second.min, second.max].map((p1) => [p0, p1] as const));
}
