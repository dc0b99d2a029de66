/**
 * Scalar functions: rounding, powers of two, limits.
 *
 * Each has a true value and a substituted derivative. Rounding and ceiling are straight-through (derivative 1). P2 has
 * the derivative P2(v)/v, since only the rounding of the exponent is straight-through. Powers of two are taken from the
 * bits of the number, never from a quotient of logarithms: start values are exact powers of two, and one ulp of
 * `Math.log2` would change a bitwidth by one.
 */

/** R(v): the nearest integer, halves away from zero. Derivative 1. */
export function roundHalfAway(v: number): number {
  const whole = Math.trunc(v);
  // Without a branch on the fraction or the sign, which processors mispredict.
  return whole === v ? v : whole + Math.trunc(2 * (v - whole));
}

/** 2^k for an integer k, exactly; ECMAScript allows `2 ** k` to be approximate. */
export function powerOfTwo(k: number): number {
  if (k > 1023) return Number.POSITIVE_INFINITY;
  if (k < -1022) return k < -1074 ? 0 : powerOfTwo(k + 52) * Number.EPSILON;
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** floor(log2 v) of a positive normal number, exactly. */
export function exponentOf(v: number): number {
  bits.setFloat64(0, v);
  return (bits.getUint32(0) >>> 20) - 1023;
}

/** ceil(log2(k + 1)) of an integer k, exactly: its number of binary digits (0 for k <= 0). */
export function bitLength(k: number): number {
  return k < 1 ? 0 : exponentOf(k) + 1;
}

/**
 * P2(v) = 2^R(log2 v) for v > 0. Derivative P2(v)/v.
 *
 * log2 v is in the upper half of its octave if the mantissa is at least sqrt(2). The float64 nearest to sqrt(2) is
 * above it and the one before is below, so this comparison is exact. Zero and subnormal numbers give 0.
 */
export function nearestPowerOfTwo(v: number): number {
  if (!(v < Number.POSITIVE_INFINITY)) return v;
  bits.setFloat64(0, v);
  bits.setUint32(0, bits.getUint32(0) & exponentMask);
  bits.setUint32(4, 0);
  const floor = bits.getFloat64(0);
  return v >= floor * Math.SQRT2 ? 2 * floor : floor;
}

/** S(v; min, max): a parameter clamped to its limits; the upper limit wins if they cross. */
export function clamp(v: number, min: number, max: number): number {
  return Math.min(Math.max(v, min), max);
}

/** M(v): the derivative of S, 1 strictly between the limits and 0 on them and outside. */
export function clampDerivative(v: number, min: number, max: number): 0 | 1 {
  return v > min && v < max ? 1 : 0;
}

const exponentMask = 0x7ff00000;
const bits = new DataView(new ArrayBuffer(8));
