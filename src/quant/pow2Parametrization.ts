/**
 * What the two learned values of a power-of-two quantizer mean: its ends xmin and xmax, and how the sums
 * A = sum g sign over the elements at xmin and B, the same at xmax, become gradients of the learned values.
 *
 * A hat is a value within its limits (S), M is 1 strictly inside them. n bits hold the sign (s) or the zero (z = 1 - s)
 * and an exponent of N = R(n^) - s - z = R(n^) - 1 bits, which numbers T = 2^N magnitudes: xmax = xmin 2^(T-1).
 *
 * - P3, `parametric_pow2_xmin_xmax`: xmin = P2(xmin^), xmax = P2(xmax^). Both gradients are bounded and decoupled.
 * - P2, `parametric_pow2_b_xmax`:    xmax = P2(xmax^), xmin = xmax 2^(1-T).
 * - P1, `parametric_pow2_b_xmin`:    xmin = P2(xmin^), xmax = xmin 2^(T-1).
 * - older, `parametric_pow2`:        xmax = 2^R(m^),   xmin = 2^(R(m^)-T+1).
 */
import type { Pow2Kind, Quantizer } from './quantizer.js';
import { clamp, clampDerivative, nearestPowerOfTwo, powerOfTwo, roundHalfAway } from './rounding.js';

/** The learned power-of-two kinds. */
export type LearnedPow2Kind = Exclude<Pow2Kind, 'pow2'>;

/** T, the number of magnitudes. */
function magnitudes(q: Quantizer, n: number): number {
  return powerOfTwo(roundHalfAway(clamp(n, q.bounds.n.min, q.bounds.n.max)) - 1);
}

/** The effective ends (xmin, xmax). */
export function pow2Range(q: Quantizer, kind: LearnedPow2Kind, p0: number, p1: number): [number, number] {
  const { m, xmin, xmax } = q.bounds;
  switch (kind) {
    case 'parametric_pow2_xmin_xmax':
      return [nearestPowerOfTwo(clamp(p0, xmin.min, xmin.max)), nearestPowerOfTwo(clamp(p1, xmax.min, xmax.max))];
    case 'parametric_pow2_b_xmax': {
      const high = nearestPowerOfTwo(clamp(p1, xmax.min, xmax.max));
      return [high * powerOfTwo(1 - magnitudes(q, p0)), high];
    }
    case 'parametric_pow2_b_xmin': {
      const low = nearestPowerOfTwo(clamp(p1, xmin.min, xmin.max));
      return [low, low * powerOfTwo(magnitudes(q, p0) - 1)];
    }
    case 'parametric_pow2': {
      const exponent = roundHalfAway(clamp(p1, m.min, m.max));
      return [powerOfTwo(exponent - magnitudes(q, p0) + 1), powerOfTwo(exponent)];
    }
    default:
      return kind satisfies never;
  }
}

/**
 * Gradients of (p0, p1) from the sums A and B. Where an end is xmin = xmax 2^(1-T) with T = 2^N, the derivative to n
 * takes ln 2 twice: dxmin/dn = -xmin T (ln 2)^2.
 */
export function pow2ParameterGradients(
  q: Quantizer,
  kind: LearnedPow2Kind,
  p0: number,
  p1: number,
  A: number,
  B: number,
): [number, number] {
  const { n, m, xmin, xmax } = q.bounds;
  const [low, high] = pow2Range(q, kind, p0, p1);
  switch (kind) {
    case 'parametric_pow2_xmin_xmax':
      return [
        (clampDerivative(p0, xmin.min, xmin.max) * A * low) / clamp(p0, xmin.min, xmin.max),
        (clampDerivative(p1, xmax.min, xmax.max) * B * high) / clamp(p1, xmax.min, xmax.max),
      ];
    case 'parametric_pow2_b_xmax':
      return [
        -clampDerivative(p0, n.min, n.max) * A * low * magnitudes(q, p0) * Math.LN2 ** 2,
        (clampDerivative(p1, xmax.min, xmax.max) * (B * high + A * low)) / clamp(p1, xmax.min, xmax.max),
      ];
    case 'parametric_pow2_b_xmin':
      return [
        clampDerivative(p0, n.min, n.max) * B * high * magnitudes(q, p0) * Math.LN2 ** 2,
        (clampDerivative(p1, xmin.min, xmin.max) * (A * low + B * high)) / clamp(p1, xmin.min, xmin.max),
      ];
    case 'parametric_pow2':
      return [
        -clampDerivative(p0, n.min, n.max) * A * low * magnitudes(q, p0) * Math.LN2 ** 2,
        clampDerivative(p1, m.min, m.max) * Math.LN2 * (A * low + B * high),
      ];
    default:
      return kind satisfies never;
  }
}
