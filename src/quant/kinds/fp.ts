import { powerOfTwo } from '../rounding.js';
import { fixedBits, fixedPair } from './fixedBits.js';
import type { Kind } from './kind.js';
import { fixed } from './start.js';

/** `fp`, without learned values: n bits and a step delta; the largest level is (2^(n-s) - 1) delta, s = 1 if signed. */
export const fp: Kind = {
  ...fixedBits,
  core: 'fixedUniform',
  steps: 'any',
  fewestBits: { signed: 2, unsigned: 1 },
  range: (q) => {
    const [n, delta] = fixedPair(q);
    return [delta, (powerOfTwo(n - (q.signed ? 1 : 0)) - 1) * delta];
  },
  start: (q, step) => fixed(q.bitwidth, step),
};
