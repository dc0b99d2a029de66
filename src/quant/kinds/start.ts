/** Learned values for a wanted start or range, for kinds that learn a step or ends. */
import { inside } from '../limits.js';
import { nearestPowerOfTwo, powerOfTwo } from '../rounding.js';
import type { StartDescription, StartValues } from './kind.js';

export function learned(p0: number, p1: number): StartValues {
  return { parameters: [p0, p1], fixed: null };
}

export function fixed(first: number, second: number): StartValues {
  return { parameters: [0, 0], fixed: [first, second] };
}

/** The ends of a power-of-two quantizer with a range of about `range`, clamped to their limits. */
export function startingEnds(q: StartDescription, range: number): { xmin: number; xmax: number } {
  const snapped = nearestPowerOfTwo(range);
  return {
    xmin: inside(snapped * powerOfTwo(1 - powerOfTwo(q.bitwidth - 1)), q.accountingXmin),
    xmax: inside(snapped, q.bounds.xmax),
  };
}

/** The step, a power of two, whose levels of so many bits come closest to the range up to `end`. */
export function spanningStep({ signed }: Pick<StartDescription, 'signed'>, bits: number, end: number): number {
  return nearestPowerOfTwo(end / (powerOfTwo(bits - (signed ? 1 : 0)) - 0.5));
}

/** The smallest magnitude of a quantizer with so many bits and the largest magnitude `end`. */
export function spanningXmin(bits: number, end: number): number {
  return nearestPowerOfTwo(end) * powerOfTwo(1 - powerOfTwo(Math.min(bits - 1, 10)));
}
