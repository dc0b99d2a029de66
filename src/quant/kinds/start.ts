/** How starts and ranges are put into learned values, for kinds that have a step or ends in common. */
import { inside } from '../limits.js';
import { nearestPowerOfTwo, powerOfTwo } from '../rounding.js';
import type { StartDescription, StartValues } from './kind.js';

export function learned(p0: number, p1: number): StartValues {
  return { parameters: [p0, p1], fixed: null };
}

export function fixed(first: number, second: number): StartValues {
  return { parameters: [0, 0], fixed: [first, second] };
}

/** The ends of a power-of-two quantizer whose range is about `range`, kept inside their limits. */
export function startingEnds(q: StartDescription, range: number): { xmin: number; xmax: number } {
  const snapped = nearestPowerOfTwo(range);
  return {
    xmin: inside(snapped * powerOfTwo(1 - powerOfTwo(q.bitwidth - 1)), q.accountingXmin),
    xmax: inside(snapped, q.bounds.xmax),
  };
}

/** The step, a power of two, whose levels of so many bits come closest to a range. */
export function spanningStep({ signed }: Pick<StartDescription, 'signed'>, bits: number, end: number): number {
  return nearestPowerOfTwo(end / (powerOfTwo(bits - (signed ? 1 : 0)) - 0.5));
}

/** The smallest of the magnitudes that so many bits number below a range. */
export function spanningXmin(bits: number, end: number): number {
  return nearestPowerOfTwo(end) * powerOfTwo(1 - powerOfTwo(Math.min(bits - 1, 10)));
}
