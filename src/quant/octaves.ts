/** Where a learned value goes that an update took into a lower octave, which a cap of bits does not allow. */
import type { Interval } from './quantizer.js';
import { clamp, nearestPowerOfTwo } from './rounding.js';

/** Relative distance from a value at which bits change; more than float32 rounds, on any engine. */
export const capMargin = 2 ** -20;

/** `after`, or where its octave is below that of `before`, the lower edge of the latter. */
export function backToOctave(after: number, before: number, limits: Interval): number {
  const octave = snapped(before, limits);
  return snapped(after, limits) < octave ? octave * Math.SQRT1_2 * (1 + capMargin) : after;
}

function snapped(value: number, { min, max }: Interval): number {
  return nearestPowerOfTwo(clamp(value, min, max));
}
