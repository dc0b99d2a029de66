import { backToOctave, capMargin } from '../octaves.js';
import type { Quantizer } from '../quantizer.js';
import { bitLength, clamp, clampDerivative, exponentOf, nearestPowerOfTwo, powerOfTwo } from '../rounding.js';
import type { Kind } from './kind.js';
import { learned, spanningXmin, startingEnds } from './start.js';

/**
 * P3, `parametric_pow2_xmin_xmax`: learns both ends; both gradients are bounded and decoupled.
 *
 *     xmin = P2(xmin^), xmax = P2(xmax^)
 *     dxmin = M A xmin / xmin^                    dxmax = M B xmax / xmax^
 *
 * The bits follow, b = ceil(log2(e + 1)) + 1 with e = log2(P2(xmax^)/P2(xmin^)), never below the configured minimum,
 * where the gradient vanishes. Here xmin is clamped to the limits of size accounting, which the published code has
 * separately:
 *
 *     db/dxmin = -M / ((e + 1) ln2^2 xmin^)       db/dxmax = M / ((e + 1) ln2^2 xmax^)
 */
export const parametricPow2XminXmax: Kind = {
  core: 'pow2',
  parameters: ['xmin', 'xmax'],
  learnsEnds: true,
  mayExceedBits: () => false,
  steps: 'power',
  fewestBits: { signed: 1, unsigned: 1 },
  range: ({ bounds: { xmin, xmax } }, p0, p1) => [
    nearestPowerOfTwo(clamp(p0, xmin.min, xmin.max)),
    nearestPowerOfTwo(clamp(p1, xmax.min, xmax.max)),
  ],
  gradients: (q, p0, p1, A, B) => {
    const { xmin, xmax } = q.bounds;
    const [low, high] = parametricPow2XminXmax.range(q, p0, p1);
    return [
      (clampDerivative(p0, xmin.min, xmin.max) * A * low) / clamp(p0, xmin.min, xmin.max),
      (clampDerivative(p1, xmax.min, xmax.max) * B * high) / clamp(p1, xmax.min, xmax.max),
    ];
  },
  bits: (q, p0, p1) => Math.max(bitLength(octaves(q, p0, p1)) + 1, q.bounds.n.min),
  bitsGradient: (q, p0, p1) => {
    const { n, xmax } = q.bounds;
    const xmin = q.accountingXmin;
    const count = octaves(q, p0, p1);
    if (bitLength(count) + 1 <= n.min) return [0, 0];
    const slope = 1 / ((count + 1) * Math.LN2 ** 2);
    return [
      (-clampDerivative(p0, xmin.min, xmin.max) * slope) / clamp(p0, xmin.min, xmin.max),
      (clampDerivative(p1, xmax.min, xmax.max) * slope) / clamp(p1, xmax.min, xmax.max),
    ];
  },
  smallestBits: (q) => {
    const { max } = q.accountingXmin;
    return parametricPow2XminXmax.bits(q, max, Math.max(max, q.bounds.xmax.min));
  },
  largestBits: (q) => Math.min(q.bounds.n.max, parametricPow2XminXmax.bits(q, q.accountingXmin.min, q.bounds.xmax.max)),
  capped: (q, cap, before, after) => {
    const limits = q.accountingXmin;
    const xmin = backToOctave(after[0], before[0], limits);
    const low = nearestPowerOfTwo(clamp(xmin, limits.min, limits.max));
    const top = powerOfTwo(exponentOf(low) + powerOfTwo(cap - 1) - 1);
    return [xmin, Math.min(after[1], top * Math.SQRT2 * (1 - capMargin))];
  },
  start: (q, _step, range) => {
    const { xmin, xmax } = startingEnds(q, range);
    return learned(xmin, xmax);
  },
  spanning: (_q, bits, end, _p0, xmax) => [spanningXmin(bits, end), xmax],
  wgsl: {
    range:
      'return vec2f(nearestPowerOfTwo(within(row, xminLimits, p.x)), nearestPowerOfTwo(within(row, xmaxLimits, p.y)));',
    gradients: `
      return vec2f(slopeOf(row, xminLimits, p.x) * s.x * e.x / within(row, xminLimits, p.x),
        slopeOf(row, xmaxLimits, p.y) * s.y * e.y / within(row, xmaxLimits, p.y));`,
    bits: `
      let octaves = exponentOf(nearestPowerOfTwo(within(row, xmaxLimits, p.y)))
        - exponentOf(nearestPowerOfTwo(within(row, accountingXminLimits, p.x)));
      return max(bitLength(f32(octaves)) + 1u, u32(pair(row, nLimits).x));`,
    bitsGradient: `
      let xmin = within(row, accountingXminLimits, p.x);
      let xmax = within(row, xmaxLimits, p.y);
      let octaves = exponentOf(nearestPowerOfTwo(xmax)) - exponentOf(nearestPowerOfTwo(xmin));
      if (f32(bitLength(f32(octaves)) + 1u) <= pair(row, nLimits).x) { return vec2f(); }
      let slope = 1.0 / (f32(octaves + 1) * (ln2 * ln2));
      return vec2f(-slopeOf(row, accountingXminLimits, p.x) * slope / xmin,
        slopeOf(row, xmaxLimits, p.y) * slope / xmax);`,
    capped: `
      let xmin = backToOctave(row, accountingXminLimits, after.x, before.x);
      let low = nearestPowerOfTwo(within(row, accountingXminLimits, xmin));
      let octaves = i32(powerOfTwo(i32(cap) - 1)) - 1;
      let top = powerOfTwo(exponentOf(low) + octaves);
      return vec2f(xmin, min(after.y, top * root2LessMargin));`,
  },
};

/** e = log2(xmax/xmin) of the snapped ends. */
function octaves(q: Quantizer, p0: number, p1: number): number {
  const { min, max } = q.accountingXmin;
  const low = nearestPowerOfTwo(clamp(p0, min, max));
  const high = nearestPowerOfTwo(clamp(p1, q.bounds.xmax.min, q.bounds.xmax.max));
  return exponentOf(high) - exponentOf(low);
}
