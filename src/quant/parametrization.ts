/**
 * From the learned values of a quantizer to the two numbers its elements need, and back: from the two sums over its
 * elements to the gradients of the learned values. Here the ten kinds become the four element-wise functions.
 */
import { pow2ParameterGradients, pow2Range } from './pow2Parametrization.js';
import type { Quantizer } from './quantizer.js';
import { powerOfTwo } from './rounding.js';
import { uniformParameterGradients, uniformRange } from './uniformParametrization.js';

/**
 * The effective values (e0, e1) of a quantizer with learned values (p0, p1): (d, xmax) for the uniform core,
 * (xmin, xmax) for powers of two, (delta, largest level) and (smallest, largest magnitude) for the fixed cores.
 *
 * @throws {RangeError} for a fixed kind without its fixed pair.
 */
export function effectiveRange(q: Quantizer, p0: number, p1: number): [number, number] {
  switch (q.kind) {
    case 'fp': {
      const [n, delta] = fixedPair(q);
      return [delta, (powerOfTwo(n - (q.signed ? 1 : 0)) - 1) * delta];
    }
    case 'pow2': {
      const [n, m] = fixedPair(q);
      return [powerOfTwo(m - powerOfTwo(n - 1) + 1), powerOfTwo(m)];
    }
    case 'parametric_fp':
    case 'parametric_fp_d_xmax':
    case 'parametric_fp_b_xmax':
    case 'parametric_fp_d_b':
      return uniformRange(q, q.kind, p0, p1);
    case 'parametric_pow2':
    case 'parametric_pow2_xmin_xmax':
    case 'parametric_pow2_b_xmax':
    case 'parametric_pow2_b_xmin':
      return pow2Range(q, q.kind, p0, p1);
    default:
      return q.kind satisfies never;
  }
}

/** Gradients of (p0, p1) from the sums s0 and s1 over the elements; (0, 0) for fixed kinds. */
export function parameterGradients(q: Quantizer, p0: number, p1: number, s0: number, s1: number): [number, number] {
  switch (q.kind) {
    case 'fp':
    case 'pow2':
      return [0, 0];
    case 'parametric_fp':
    case 'parametric_fp_d_xmax':
    case 'parametric_fp_b_xmax':
    case 'parametric_fp_d_b':
      return uniformParameterGradients(q, q.kind, p0, p1, s0, s1);
    case 'parametric_pow2':
    case 'parametric_pow2_xmin_xmax':
    case 'parametric_pow2_b_xmax':
    case 'parametric_pow2_b_xmin':
      return pow2ParameterGradients(q, q.kind, p0, p1, s0, s1);
    default:
      return q.kind satisfies never;
  }
}

function fixedPair(q: Quantizer): readonly [number, number] {
  if (q.fixed === null) throw new RangeError(`${q.name}: kind ${q.kind} needs its fixed pair (n, delta) or (n, m)`);
  return q.fixed;
}
