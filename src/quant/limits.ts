/** Limits of learned values, and the margin that values keep from them. */
import type { Interval } from './quantizer.js';
import { clamp } from './rounding.js';

/** The margin that projection keeps from limits and between the two ends of a range. */
export const limitMargin = 1e-5;

/** The value moved at least the margin away from its limits; the upper limit wins. */
export function inside(value: number, limits: Interval): number {
  return clamp(value, limits.min + limitMargin, limits.max - limitMargin);
}
