import { clamp, clampDerivative, nearestPowerOfTwo } from '../rounding.js';
import type { Kind } from './kind.js';
import { learnedBits, learnedBitsWgsl, levels } from './learnedBits.js';
import { learned } from './start.js';

/**
 * U2, `parametric_fp_b_xmax`: learns the bitwidth n and the upper end xmax. With T = 2^(R(n^) - s) and K = T - 1, the
 * largest integer of n bits,
 *
 *     xmax = xmax^, d = P2(xmax / K)
 *     dn = -M D d T ln2 / K                       dxmax = M (G + D d / xmax)
 *
 * As published, the end is not changed when d is rounded. If xmax/K is rounded down, up to sqrt(2) K levels are used,
 * more than n bits can number. With `recomputeRange` the end follows the rounded step, as with the older kind:
 *
 *     xmax = d K                                  dxmax = M (D + G K) d / xmax^
 *
 * and dn stays the same, since the direct dependence of the end on n cancels against that of the step.
 */
export const parametricFpBXmax: Kind = {
  ...learnedBits,
  core: 'uniform',
  parameters: ['n', 'xmax'],
  steps: 'quotient',
  mayExceedBits: (q) => !q.recomputeRange,
  fewestBits: { signed: 2, unsigned: 1 },
  range: (q, p0, p1) => {
    const { xmax } = q.bounds;
    const K = levels(q, p0) - 1;
    const range = clamp(p1, xmax.min, xmax.max);
    const step = nearestPowerOfTwo(range / K);
    return [step, q.recomputeRange ? step * K : range];
  },
  gradients: (q, p0, p1, D, G) => {
    const { n, xmax } = q.bounds;
    const [step] = parametricFpBXmax.range(q, p0, p1);
    const T = levels(q, p0);
    const stepSlope = step / clamp(p1, xmax.min, xmax.max);
    const rangeGradient = q.recomputeRange ? (D + G * (T - 1)) * stepSlope : G + D * stepSlope;
    return [
      (-clampDerivative(p0, n.min, n.max) * D * step * T * Math.LN2) / (T - 1),
      clampDerivative(p1, xmax.min, xmax.max) * rangeGradient,
    ];
  },
  start: (q, _step, range) => learned(q.bitwidth, range),
  spanning: (_q, bits, _end, _p0, xmax) => [bits, xmax],
  wgsl: {
    ...learnedBitsWgsl,
    range: `
      let k = levels(row, p.x) - 1.0;
      let xmax = within(row, xmaxLimits, p.y);
      let d = nearestPowerOfTwo(xmax / k);
      return vec2f(d, select(xmax, d * k, integer(row, recomputeRangeField) == 1u));`,
    gradients: `
      let t = levels(row, p.x);
      let ratio = e.x / within(row, xmaxLimits, p.y);
      let recomputed = (s.x + s.y * (t - 1.0)) * ratio;
      let end = select(s.y + s.x * ratio, recomputed, integer(row, recomputeRangeField) == 1u);
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * t * ln2 / (t - 1.0), slopeOf(row, xmaxLimits, p.y) * end);`,
  },
};
