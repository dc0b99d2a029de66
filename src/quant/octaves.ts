/** Undoes updates that move a learned value into a lower octave, if a cap on bits does not allow that. */
import type { Interval } from './quantizer.js';
import { clamp, nearestPowerOfTwo } from './rounding.js';

/** Relative distance from a value at which bits change; more than the rounding of float32 on any engine. */
export const capMargin = 2 ** -20;

/** `after`, or, if its octave is below that of `before`, the lower edge of the octave of `before`. */
export function backToOctave(after: number, before: number, limits: Interval): number {
  const octave = snapped(before, limits);
  return snapped(after, limits) < octave ? octave * Math.SQRT1_2 * (1 + capMargin) : after;
}

function snapped(value: number, { min, max }: Interval): number {
  return nearestPowerOfTwo(clamp(value, min, max));
}
