/**
 * What the two learned values of a uniform quantizer mean: its step d and its upper end xmax, and how the sums
 * D = sum g (y - c)/d and G = sum of g beyond the ends become gradients of the learned values.
 *
 * A hat is a value within its limits (S), M is 1 strictly inside them. With s = 1 if signed, else 0:
 * N = R(n^) - s, T = 2^N, K = T - 1, the largest integer that n bits can number.
 *
 * - U3, `parametric_fp_d_xmax`: d = P2(d^), xmax = xmax^. Both gradients are bounded and decoupled.
 * - U2, `parametric_fp_b_xmax`: xmax = xmax^, d = P2(xmax/K).
 * - U1, `parametric_fp_d_b`:    d = P2(d^), xmax = d K. The gradient of n grows like 2^n.
 * - older, `parametric_fp`:     d = P2(2^m^ / K), xmax = d K; m is not rounded.
 */
import type { Quantizer, UniformKind } from './quantizer.js';
import { clamp, clampDerivative, nearestPowerOfTwo, powerOfTwo, roundHalfAway } from './rounding.js';

/** The learned uniform kinds. */
export type LearnedUniformKind = Exclude<UniformKind, 'fp'>;

/** T = 2^N, N being the bits that number magnitudes: n within its limits, rounded, less the sign. */
function levels(q: Quantizer, n: number): number {
  return powerOfTwo(roundHalfAway(clamp(n, q.bounds.n.min, q.bounds.n.max)) - (q.signed ? 1 : 0));
}

/** The effective step and upper end (d, xmax). */
export function uniformRange(q: Quantizer, kind: LearnedUniformKind, p0: number, p1: number): [number, number] {
  const { d, m, xmax } = q.bounds;
  switch (kind) {
    case 'parametric_fp_d_xmax':
      return [nearestPowerOfTwo(clamp(p0, d.min, d.max)), clamp(p1, xmax.min, xmax.max)];
    case 'parametric_fp_b_xmax': {
      const K = levels(q, p0) - 1;
      const range = clamp(p1, xmax.min, xmax.max);
      const step = nearestPowerOfTwo(range / K);
      // differs from the published code: on request the range follows the rounded step, as the older kind's does.
      // As published it stays, and where xmax/K is rounded down up to sqrt(2) K levels are used, more than n bits hold.
      return [step, q.recomputeRange ? step * K : range];
    }
    case 'parametric_fp_d_b': {
      const step = nearestPowerOfTwo(clamp(p1, d.min, d.max));
      return [step, step * (levels(q, p0) - 1)];
    }
    case 'parametric_fp': {
      const K = levels(q, p0) - 1;
      const step = nearestPowerOfTwo(2 ** clamp(p1, m.min, m.max) / K);
      return [step, step * K];
    }
    default:
      return kind satisfies never;
  }
}

/** Gradients of (p0, p1) from the sums D and G. */
export function uniformParameterGradients(
  q: Quantizer,
  kind: LearnedUniformKind,
  p0: number,
  p1: number,
  D: number,
  G: number,
): [number, number] {
  const { n, d, m, xmax } = q.bounds;
  const [step, end] = uniformRange(q, kind, p0, p1);
  switch (kind) {
    case 'parametric_fp_d_xmax':
      return [
        clampDerivative(p0, d.min, d.max) * D * (step / clamp(p0, d.min, d.max)),
        clampDerivative(p1, xmax.min, xmax.max) * G,
      ];
    case 'parametric_fp_b_xmax': {
      const T = levels(q, p0);
      const stepSlope = step / clamp(p1, xmax.min, xmax.max);
      // With the recomputed range, d xmax/d step = K joins D, and its direct dependence on n cancels in the other.
      const rangeGradient = q.recomputeRange ? (D + G * (T - 1)) * stepSlope : G + D * stepSlope;
      return [
        (-clampDerivative(p0, n.min, n.max) * D * step * T * Math.LN2) / (T - 1),
        clampDerivative(p1, xmax.min, xmax.max) * rangeGradient,
      ];
    }
    case 'parametric_fp_d_b': {
      const T = levels(q, p0);
      return [
        clampDerivative(p0, n.min, n.max) * G * step * T * Math.LN2,
        clampDerivative(p1, d.min, d.max) * (D + G * (T - 1)) * (step / clamp(p1, d.min, d.max)),
      ];
    }
    case 'parametric_fp': {
      const T = levels(q, p0);
      return [
        (-clampDerivative(p0, n.min, n.max) * D * step * T * Math.LN2) / (T - 1),
        clampDerivative(p1, m.min, m.max) * (D * step + G * end) * Math.LN2,
      ];
    }
    default:
      return kind satisfies never;
  }
}
