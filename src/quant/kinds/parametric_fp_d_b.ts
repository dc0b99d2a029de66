import { clamp, clampDerivative, nearestPowerOfTwo } from '../rounding.js';
import type { Kind } from './kind.js';
import { learnedBits, learnedBitsWgsl, levels } from './learnedBits.js';
import { learned, spanningStep } from './start.js';

/**
 * U1, `parametric_fp_d_b`: learns the bitwidth n and the step d. With T = 2^(R(n^) - s) and K = T - 1
 *
 *     d = P2(d^), xmax = d K
 *     dn = M G d T ln2, which grows like 2^n      dd = M (D + G K) d / d^
 */
export const parametricFpDB: Kind = {
  ...learnedBits,
  core: 'uniform',
  parameters: ['n', 'd'],
  steps: 'power',
  fewestBits: { signed: 2, unsigned: 1 },
  range: (q, p0, p1) => {
    const { d } = q.bounds;
    const step = nearestPowerOfTwo(clamp(p1, d.min, d.max));
    return [step, step * (levels(q, p0) - 1)];
  },
  gradients: (q, p0, p1, D, G) => {
    const { n, d } = q.bounds;
    const [step] = parametricFpDB.range(q, p0, p1);
    const T = levels(q, p0);
    return [
      clampDerivative(p0, n.min, n.max) * G * step * T * Math.LN2,
      clampDerivative(p1, d.min, d.max) * (D + G * (T - 1)) * (step / clamp(p1, d.min, d.max)),
    ];
  },
  start: (q, step) => learned(q.bitwidth, step),
  spanning: (q, bits, end) => [bits, spanningStep(q, bits, end)],
  wgsl: {
    ...learnedBitsWgsl,
    range: `
      let d = nearestPowerOfTwo(within(row, dLimits, p.y));
      return vec2f(d, d * (levels(row, p.x) - 1.0));`,
    gradients: `
      let t = levels(row, p.x);
      return vec2f(slopeOf(row, nLimits, p.x) * s.y * e.x * t * ln2,
        slopeOf(row, dLimits, p.y) * (s.x + s.y * (t - 1.0)) * (e.x / within(row, dLimits, p.y)));`,
  },
};
