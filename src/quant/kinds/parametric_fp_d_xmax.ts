import { backToOctave, capMargin } from '../octaves.js';
import type { Quantizer } from '../quantizer.js';
import { bitLength, clamp, clampDerivative, nearestPowerOfTwo, powerOfTwo, roundHalfAway } from '../rounding.js';
import type { Kind } from './kind.js';
import { learned, spanningStep } from './start.js';

/**
 * U3, `parametric_fp_d_xmax`: learns the step d and the upper end xmax; both gradients are bounded and decoupled.
 *
 *     d = P2(d^), xmax = xmax^
 *     dd = M D d / d^                             dxmax = M G
 *
 * The bits follow, b = ceil(log2(k + 1)) (+ 1 if signed) with u = xmax^/P2(d^) and k = R(u), never below the configured
 * minimum, where the gradient vanishes:
 *
 *     db/dd = -M u / (d^ (k + 1) ln2)             db/dxmax = M / (P2(d^) (k + 1) ln2)
 */
export const parametricFpDXmax: Kind = {
  core: 'uniform',
  parameters: ['d', 'xmax'],
  learnsEnds: true,
  mayExceedBits: () => false,
  steps: 'power',
  fewestBits: { signed: 1, unsigned: 1 },
  range: ({ bounds: { d, xmax } }, p0, p1) => [
    nearestPowerOfTwo(clamp(p0, d.min, d.max)),
    clamp(p1, xmax.min, xmax.max),
  ],
  gradients: (q, p0, p1, D, G) => {
    const { d, xmax } = q.bounds;
    const [step] = parametricFpDXmax.range(q, p0, p1);
    return [
      clampDerivative(p0, d.min, d.max) * D * (step / clamp(p0, d.min, d.max)),
      clampDerivative(p1, xmax.min, xmax.max) * G,
    ];
  },
  bits: (q, p0, p1) => Math.max(unlimitedBits(q, p0, p1), q.bounds.n.min),
  bitsGradient: (q, p0, p1) => {
    const { n, d, xmax } = q.bounds;
    if (unlimitedBits(q, p0, p1) <= n.min) return [0, 0];
    const step = clamp(p0, d.min, d.max);
    const snapped = nearestPowerOfTwo(step);
    const steps = clamp(p1, xmax.min, xmax.max) / snapped;
    const slope = 1 / ((roundHalfAway(steps) + 1) * Math.LN2);
    return [
      (-clampDerivative(p0, d.min, d.max) * slope * steps) / step,
      (clampDerivative(p1, xmax.min, xmax.max) * slope) / snapped,
    ];
  },
  smallestBits: (q) => parametricFpDXmax.bits(q, q.bounds.d.max, Math.max(q.bounds.d.max, q.bounds.xmax.min)),
  largestBits: (q) => Math.min(q.bounds.n.max, parametricFpDXmax.bits(q, q.bounds.d.min, q.bounds.xmax.max)),
  capped: (q, cap, before, after) => {
    const limits = q.bounds.d;
    const d = backToOctave(after[0], before[0], limits);
    const largestInteger = powerOfTwo(cap - (q.signed ? 1 : 0)) - 1;
    const step = nearestPowerOfTwo(clamp(d, limits.min, limits.max));
    return [d, Math.min(after[1], (largestInteger + 0.5) * step * (1 - capMargin))];
  },
  start: (_q, step, range) => learned(step, range),
  spanning: (q, bits, end, _p0, xmax) => [spanningStep(q, bits, end), xmax],
  wgsl: {
    range: 'return vec2f(nearestPowerOfTwo(within(row, dLimits, p.x)), within(row, xmaxLimits, p.y));',
    gradients: `
      return vec2f(slopeOf(row, dLimits, p.x) * s.x * (e.x / within(row, dLimits, p.x)),
        slopeOf(row, xmaxLimits, p.y) * s.y);`,
    bits: `
      let steps = within(row, xmaxLimits, p.y) * inverse(nearestPowerOfTwo(within(row, dLimits, p.x)));
      let unlimited = bitLength(roundHalfAway(steps)) + integer(row, signedField);
      return max(unlimited, u32(pair(row, nLimits).x));`,
    bitsGradient: `
      let d = within(row, dLimits, p.x);
      let steps = within(row, xmaxLimits, p.y) * inverse(nearestPowerOfTwo(d));
      let unlimited = bitLength(roundHalfAway(steps)) + integer(row, signedField);
      if (f32(unlimited) <= pair(row, nLimits).x) { return vec2f(); }
      let slope = 1.0 / ((roundHalfAway(steps) + 1.0) * ln2);
      return vec2f(-slopeOf(row, dLimits, p.x) * slope * steps / d,
        slopeOf(row, xmaxLimits, p.y) * slope * inverse(nearestPowerOfTwo(d)));`,
    capped: `
      let d = backToOctave(row, dLimits, after.x, before.x);
      let integers = powerOfTwo(i32(cap - integer(row, signedField))) - 1.0;
      let step = nearestPowerOfTwo(within(row, dLimits, d));
      return vec2f(d, min(after.y, (integers + 0.5) * step * oneLessMargin));`,
  },
};

/** The bits before the configured minimum is applied. */
function unlimitedBits(q: Quantizer, p0: number, p1: number): number {
  const [step, end] = parametricFpDXmax.range(q, p0, p1);
  return bitLength(roundHalfAway(end / step)) + (q.signed ? 1 : 0);
}
