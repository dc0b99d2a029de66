/**
 * From the learned values of a quantizer to the two effective values that its elements need, and from the two sums over
 * its elements to the gradients of the learned values.
 */
import { kindNamed } from './kinds/index.js';
import type { Quantizer } from './quantizer.js';

/**
 * The effective values (e0, e1) of a quantizer with learned values (p0, p1): (d, xmax) for the uniform core,
 * (xmin, xmax) for powers of two, (delta, largest level) and (smallest, largest magnitude) for the fixed cores.
 *
 * @throws {RangeError} for a fixed kind without its fixed pair.
 */
export function effectiveRange(q: Quantizer, p0: number, p1: number): [number, number] {
  return kindNamed(q.kind).range(q, p0, p1);
}

/** Gradients of (p0, p1) from the sums s0 and s1 over the elements; (0, 0) for fixed kinds. */
export function parameterGradients(q: Quantizer, p0: number, p1: number, s0: number, s1: number): [number, number] {
  return kindNamed(q.kind).gradients(q, p0, p1, s0, s1);
}
