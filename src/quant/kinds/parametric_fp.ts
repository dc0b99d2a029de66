import { clamp, clampDerivative, nearestPowerOfTwo } from '../rounding.js';
import type { Kind } from './kind.js';
import { learnedBits, learnedBitsWgsl, levels } from './learnedBits.js';
import { learned } from './start.js';

/**
 * The older uniform kind `parametric_fp`: learns the bitwidth n and the exponent m of the range. With T = 2^(R(n^) - s)
 * and K = T - 1
 *
 *     d = P2(2^m^ / K), xmax = d K; m is not rounded
 *     dn = -M D d T ln2 / K                      dm = M (D d + G xmax) ln2
 */
export const parametricFp: Kind = {
  ...learnedBits,
  core: 'uniform',
  parameters: ['n', 'm'],
  steps: 'quotient',
  fewestBits: { signed: 2, unsigned: 1 },
  range: (q, p0, p1) => {
    const { m } = q.bounds;
    const K = levels(q, p0) - 1;
    const step = nearestPowerOfTwo(2 ** clamp(p1, m.min, m.max) / K);
    return [step, step * K];
  },
  gradients: (q, p0, p1, D, G) => {
    const { n, m } = q.bounds;
    const [step, end] = parametricFp.range(q, p0, p1);
    const T = levels(q, p0);
    return [
      (-clampDerivative(p0, n.min, n.max) * D * step * T * Math.LN2) / (T - 1),
      clampDerivative(p1, m.min, m.max) * (D * step + G * end) * Math.LN2,
    ];
  },
  start: (q, _step, range) => learned(q.bitwidth, Math.log2(range)),
  spanning: (_q, bits, _end, _p0, m) => [bits, m],
  wgsl: {
    ...learnedBitsWgsl,
    range: `
      let k = levels(row, p.x) - 1.0;
      let d = nearestPowerOfTwo(exp2(within(row, mLimits, p.y)) / k);
      return vec2f(d, d * k);`,
    gradients: `
      let t = levels(row, p.x);
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * t * ln2 / (t - 1.0),
        slopeOf(row, mLimits, p.y) * (s.x * e.x + s.y * e.y) * ln2);`,
  },
};
