/**
 * The bits a quantizer occupies, an integer, and how that changes with its learned values.
 *
 * U3 and P3 do not learn b; it follows from the range and, ceiling and rounding being straight-through, has a gradient:
 *
 *     U3: b = ceil(log2(R(q_max/d) + 1)) (+1 signed)        P3: b = ceil(log2(log2(q_max/q_min) + 1)) + 1
 *
 * never below the configured minimum, where the gradient vanishes. The kinds that learn b use R(b). The logarithms are
 * of integers and their ceiling is counted in binary digits, since start values sit exactly on the powers of two.
 */
import type { Quantizer } from './quantizer.js';
import { bitLength, clamp, clampDerivative, exponentOf, nearestPowerOfTwo, roundHalfAway } from './rounding.js';

/** Bits of something that is not quantized. */
export const floatBits = 32;

/** The inferred (U3, P3), learned (other parametrizations) or configured (fixed kinds) bitwidth. */
export function inferredBits(q: Quantizer, p0: number, p1: number): number {
  switch (q.kind) {
    case 'fp':
    case 'pow2':
      return q.bitwidth;
    case 'parametric_fp_d_xmax':
    case 'parametric_pow2_xmin_xmax':
      return Math.max(unlimitedBits(q, p0, p1), q.bounds.n.min);
    case 'parametric_fp':
    case 'parametric_fp_b_xmax':
    case 'parametric_fp_d_b':
    case 'parametric_pow2':
    case 'parametric_pow2_b_xmax':
    case 'parametric_pow2_b_xmin':
      return roundHalfAway(clamp(p0, q.bounds.n.min, q.bounds.n.max));
    default:
      return q.kind satisfies never;
  }
}

/** The straight-through gradient of `inferredBits` to (p0, p1). */
export function inferredBitsGradient(q: Quantizer, p0: number, p1: number): [number, number] {
  const { n, d, xmax } = q.bounds;
  const xmin = q.accountingXmin;
  switch (q.kind) {
    case 'fp':
    case 'pow2':
      return [0, 0];
    case 'parametric_fp_d_xmax': {
      if (unlimitedBits(q, p0, p1) <= n.min) return [0, 0];
      const step = clamp(p0, d.min, d.max);
      const snapped = nearestPowerOfTwo(step);
      const steps = clamp(p1, xmax.min, xmax.max) / snapped;
      const slope = 1 / ((roundHalfAway(steps) + 1) * Math.LN2);
      return [
        (-clampDerivative(p0, d.min, d.max) * slope * steps) / step,
        (clampDerivative(p1, xmax.min, xmax.max) * slope) / snapped,
      ];
    }
    case 'parametric_pow2_xmin_xmax': {
      if (unlimitedBits(q, p0, p1) <= n.min) return [0, 0];
      const slope = 1 / ((octaves(q, p0, p1) + 1) * Math.LN2 ** 2);
      return [
        (-clampDerivative(p0, xmin.min, xmin.max) * slope) / clamp(p0, xmin.min, xmin.max),
        (clampDerivative(p1, xmax.min, xmax.max) * slope) / clamp(p1, xmax.min, xmax.max),
      ];
    }
    case 'parametric_fp':
    case 'parametric_fp_b_xmax':
    case 'parametric_fp_d_b':
    case 'parametric_pow2':
    case 'parametric_pow2_b_xmax':
    case 'parametric_pow2_b_xmin':
      return [clampDerivative(p0, n.min, n.max), 0];
    default:
      return q.kind satisfies never;
  }
}

/** The bits of U3 and P3 before the configured minimum. */
function unlimitedBits(q: Quantizer, p0: number, p1: number): number {
  if (q.kind === 'parametric_pow2_xmin_xmax') return bitLength(octaves(q, p0, p1)) + 1;
  const { d, xmax } = q.bounds;
  const steps = clamp(p1, xmax.min, xmax.max) / nearestPowerOfTwo(clamp(p0, d.min, d.max));
  return bitLength(roundHalfAway(steps)) + (q.signed ? 1 : 0);
}

/** e = log2(xmax/xmin) of the snapped ends of P3. */
function octaves(q: Quantizer, p0: number, p1: number): number {
  const { min, max } = q.accountingXmin;
  const low = nearestPowerOfTwo(clamp(p0, min, max));
  const high = nearestPowerOfTwo(clamp(p1, q.bounds.xmax.min, q.bounds.xmax.max));
  return exponentOf(high) - exponentOf(low);
}
