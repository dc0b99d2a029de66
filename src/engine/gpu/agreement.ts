/**
 * Compares kernels on matrix units with the float32 kernels: for the same inputs the results must agree up to the
 * rounding of operands.
 */

/** Relative errors for sums of a few hundred products of operands with 11 and 21 bits; a larger one is a fault. */
const tolerances = { float16: 2e-3, float16x2: 1e-4 } as const;

/** Numbers in ±magnitude, the same for the same seed. */
export function trialValues(length: number, magnitude: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return magnitude * (state * 2 ** -31 - 1);
  });
}

/** Magnitude of gradients as operands: as small as in training, so that their scaling is tested too. */
export const gradientMagnitude = 2 ** -16;

/** Tells whether results agree; errors are relative to the largest number. */
export function agrees(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  precision: keyof typeof tolerances,
): boolean {
  const right = Array.from(expected);
  const largest = right.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return right.every((value, i) => Math.abs(actual[i]! - value) <= tolerances[precision] * largest);
}
