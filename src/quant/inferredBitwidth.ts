/**
 * Bits of a quantizer, an integer, and their gradients with respect to its learned values: inferred from the range (U3
 * and P3), learned, or configured. Ceiling and rounding are straight-through. The logarithms are of integers and their
 * ceiling is counted in binary digits, since start values are exact powers of two.
 */
import { kindNamed } from './kinds/index.js';
import type { Quantizer } from './quantizer.js';

/** Bits of a value that is not quantized. */
export const floatBits = 32;

/** The inferred (U3, P3), learned (other parametrizations) or configured (fixed kinds) bitwidth. */
export function inferredBits(q: Quantizer, p0: number, p1: number): number {
  return kindNamed(q.kind).bits(q, p0, p1);
}

/** The straight-through gradient of `inferredBits` to (p0, p1). */
export function inferredBitsGradient(q: Quantizer, p0: number, p1: number): [number, number] {
  return kindNamed(q.kind).bitsGradient(q, p0, p1);
}

/** The fewest bits that the limits of a quantizer's values allow. */
export function smallestBits(q: Quantizer): number {
  return kindNamed(q.kind).smallestBits(q);
}

/**
 * The most bits that the limits of a quantizer's values and its configured maximum allow; the latter applies to every
 * kind here.
 */
export function largestBits(q: Quantizer): number {
  return kindNamed(q.kind).largestBits(q);
}
