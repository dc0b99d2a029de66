/**
 * Compares kernels on matrix units with the float32 kernels: the same numbers go into both, and their results
 * must be as near as the rounding of operands leaves them.
 */

/** Sums of a few hundred products of operands with 11 and 21 bits: an error above this is a fault, not rounding. */
const tolerances = { float16: 2e-3, float16x2: 1e-4 } as const;

/** Numbers in ±magnitude, the same for the same seed. */
export function trialValues(length: number, magnitude: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return magnitude * (state * 2 ** -31 - 1);
  });
}

/** Gradients as operands are as small as training makes them, so that their scale is put to the test too. */
export const gradientMagnitude = 2 ** -16;

/** Errors count against the largest number. */
export function agrees(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  precision: keyof typeof tolerances,
): boolean {
  const right = Array.from(expected);
  const largest = right.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return right.every((value, i) => Math.abs(actual[i]! - value) <= tolerances[precision] * largest);
}
