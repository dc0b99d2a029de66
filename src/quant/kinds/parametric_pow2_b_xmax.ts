import { clamp, clampDerivative, nearestPowerOfTwo, powerOfTwo } from '../rounding.js';
import type { Kind } from './kind.js';
import { learnedBits, learnedBitsWgsl, magnitudes } from './learnedBits.js';
import { learned, startingEnds } from './start.js';

/**
 * P2, `parametric_pow2_b_xmax`: learns the bitwidth n and the upper end xmax. With T = 2^(R(n^) - 1) magnitudes
 *
 *     xmax = P2(xmax^), xmin = xmax 2^(1-T)
 *     dn = -M A xmin T ln2^2                      dxmax = M (B xmax + A xmin) / xmax^
 *
 * The derivative to n takes ln 2 twice, since T is a power of two in an exponent of two.
 */
export const parametricPow2BXmax: Kind = {
  ...learnedBits,
  core: 'pow2',
  parameters: ['n', 'xmax'],
  steps: 'power',
  fewestBits: { signed: 1, unsigned: 1 },
  range: (q, p0, p1) => {
    const { xmax } = q.bounds;
    const high = nearestPowerOfTwo(clamp(p1, xmax.min, xmax.max));
    return [high * powerOfTwo(1 - magnitudes(q, p0)), high];
  },
  gradients: (q, p0, p1, A, B) => {
    const { n, xmax } = q.bounds;
    const [low, high] = parametricPow2BXmax.range(q, p0, p1);
    return [
      -clampDerivative(p0, n.min, n.max) * A * low * magnitudes(q, p0) * Math.LN2 ** 2,
      (clampDerivative(p1, xmax.min, xmax.max) * (B * high + A * low)) / clamp(p1, xmax.min, xmax.max),
    ];
  },
  start: (q, _step, range) => learned(q.bitwidth, startingEnds(q, range).xmax),
  spanning: (_q, bits, _end, _p0, xmax) => [bits, xmax],
  wgsl: {
    ...learnedBitsWgsl,
    range: `
      let high = nearestPowerOfTwo(within(row, xmaxLimits, p.y));
      return vec2f(powerOfTwo(exponentOf(high) + 1 - magnitudes(row, p.x)), high);`,
    gradients: `
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * f32(magnitudes(row, p.x)) * (ln2 * ln2),
        slopeOf(row, xmaxLimits, p.y) * dot(s, e) / within(row, xmaxLimits, p.y));`,
  },
};
