import { clamp, clampDerivative, nearestPowerOfTwo, powerOfTwo } from '../rounding.js';
import type { Kind } from './kind.js';
import { learnedBits, learnedBitsWgsl, magnitudes } from './learnedBits.js';
import { learned, spanningXmin, startingEnds } from './start.js';

/**
 * P1, `parametric_pow2_b_xmin`: learns the bitwidth n and the smallest magnitude xmin. With T = 2^(R(n^) - 1) magnitudes
 *
 *     xmin = P2(xmin^), xmax = xmin 2^(T-1)
 *     dn = M B xmax T ln2^2                       dxmin = M (A xmin + B xmax) / xmin^
 */
export const parametricPow2BXmin: Kind = {
  ...learnedBits,
  core: 'pow2',
  parameters: ['n', 'xmin'],
  steps: 'power',
  fewestBits: { signed: 1, unsigned: 1 },
  range: (q, p0, p1) => {
    const { xmin } = q.bounds;
    const low = nearestPowerOfTwo(clamp(p1, xmin.min, xmin.max));
    return [low, low * powerOfTwo(magnitudes(q, p0) - 1)];
  },
  gradients: (q, p0, p1, A, B) => {
    const { n, xmin } = q.bounds;
    const [low, high] = parametricPow2BXmin.range(q, p0, p1);
    return [
      clampDerivative(p0, n.min, n.max) * B * high * magnitudes(q, p0) * Math.LN2 ** 2,
      (clampDerivative(p1, xmin.min, xmin.max) * (A * low + B * high)) / clamp(p1, xmin.min, xmin.max),
    ];
  },
  start: (q, _step, range) => learned(q.bitwidth, startingEnds(q, range).xmin),
  spanning: (_q, bits, end) => [bits, spanningXmin(bits, end)],
  wgsl: {
    ...learnedBitsWgsl,
    range: `
      let low = nearestPowerOfTwo(within(row, xminLimits, p.y));
      return vec2f(low, powerOfTwo(exponentOf(low) - 1 + magnitudes(row, p.x)));`,
    gradients: `
      return vec2f(slopeOf(row, nLimits, p.x) * s.y * e.y * f32(magnitudes(row, p.x)) * (ln2 * ln2),
        slopeOf(row, xminLimits, p.y) * dot(s, e) / within(row, xminLimits, p.y));`,
  },
};
