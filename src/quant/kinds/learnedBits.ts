/** The common part of kinds whose p0 is the bitwidth n: b = R(n^), with the gradient M. */
import type { Quantizer } from '../quantizer.js';
import { clamp, clampDerivative, powerOfTwo, roundHalfAway } from '../rounding.js';
import type { Kind } from './kind.js';

export const learnedBits = {
  learnsEnds: false,
  mayExceedBits: () => false,
  bits: (q, p0) => roundedBits(q, p0),
  bitsGradient: ({ bounds: { n } }, p0) => [clampDerivative(p0, n.min, n.max), 0],
  smallestBits: (q) => roundedBits(q, q.bounds.n.min),
  largestBits: (q) => roundedBits(q, q.bounds.n.max),
  capped: (_q, cap, _before, [n, other]) => [Math.min(n, cap), other],
} satisfies Partial<Kind>;

export const learnedBitsWgsl = {
  bits: 'return u32(digits(row, p.x, 0u));',
  bitsGradient: 'return vec2f(slopeOf(row, nLimits, p.x), 0.0);',
  capped: 'return vec2f(min(after.x, f32(cap)), after.y);',
};

/** R(n^). */
function roundedBits({ bounds }: Quantizer, n: number): number {
  return roundHalfAway(clamp(n, bounds.n.min, bounds.n.max));
}

/** T = 2^N of a uniform quantizer with N bits for magnitudes: R(n^), less one for the sign. */
export function levels(q: Quantizer, n: number): number {
  return powerOfTwo(roundedBits(q, n) - (q.signed ? 1 : 0));
}

/**
 * T of a power-of-two quantizer, the number of magnitudes: one bit is for the sign, or for zero without a sign; the
 * others are for the exponent.
 */
export function magnitudes(q: Quantizer, n: number): number {
  return powerOfTwo(roundedBits(q, n) - 1);
}
