import { exponentOf, nearestPowerOfTwo, powerOfTwo } from '../rounding.js';
import { fixedBits, fixedPair } from './fixedBits.js';
import type { Kind } from './kind.js';
import { fixed } from './start.js';

/**
 * `pow2`, without learned values: n bits and the exponent m of the range, magnitudes from 2^(m-T+1) to 2^m, T =
 * 2^(n-1).
 */
export const pow2: Kind = {
  ...fixedBits,
  core: 'fixedPow2',
  steps: 'power',
  fewestBits: { signed: 2, unsigned: 2 },
  range: (q) => {
    const [n, m] = fixedPair(q);
    return [powerOfTwo(m - powerOfTwo(n - 1) + 1), powerOfTwo(m)];
  },
  start: (q, _step, range) => fixed(q.bitwidth, exponentOf(nearestPowerOfTwo(range))),
};
