import { clamp, clampDerivative, exponentOf, nearestPowerOfTwo, powerOfTwo, roundHalfAway } from '../rounding.js';
import type { Kind } from './kind.js';
import { learnedBits, learnedBitsWgsl, magnitudes } from './learnedBits.js';
import { learned } from './start.js';

/**
 * The older power-of-two kind `parametric_pow2`: learns the bitwidth n and the exponent m of the range. With T =
 * 2^(R(n^) - 1) magnitudes
 *
 *     xmax = 2^R(m^), xmin = 2^(R(m^) - T + 1)
 *     dn = -M A xmin T ln2^2                      dm = M ln2 (A xmin + B xmax)
 */
export const parametricPow2: Kind = {
  ...learnedBits,
  core: 'pow2',
  parameters: ['n', 'm'],
  steps: 'power',
  fewestBits: { signed: 1, unsigned: 1 },
  range: (q, p0, p1) => {
    const { m } = q.bounds;
    const exponent = roundHalfAway(clamp(p1, m.min, m.max));
    return [powerOfTwo(exponent - magnitudes(q, p0) + 1), powerOfTwo(exponent)];
  },
  gradients: (q, p0, p1, A, B) => {
    const { n, m } = q.bounds;
    const [low, high] = parametricPow2.range(q, p0, p1);
    return [
      -clampDerivative(p0, n.min, n.max) * A * low * magnitudes(q, p0) * Math.LN2 ** 2,
      clampDerivative(p1, m.min, m.max) * Math.LN2 * (A * low + B * high),
    ];
  },
  start: (q, _step, range) => learned(q.bitwidth, exponentOf(nearestPowerOfTwo(range))),
  spanning: (_q, bits, _end, _p0, m) => [bits, m],
  wgsl: {
    ...learnedBitsWgsl,
    range: `
      let exponent = i32(roundHalfAway(within(row, mLimits, p.y)));
      return vec2f(powerOfTwo(exponent - magnitudes(row, p.x) + 1), powerOfTwo(exponent));`,
    gradients: `
      return vec2f(-slopeOf(row, nLimits, p.x) * s.x * e.x * f32(magnitudes(row, p.x)) * (ln2 * ln2),
        slopeOf(row, mLimits, p.y) * ln2 * dot(s, e));`,
  },
};
