/**
 * The moments that a convolution may leave beside its result: mean and biased variance of each channel, in two passes.
 */

import type { Tensor } from '../graph/tensor.js';

export interface ConvolutionResult {
  readonly y: Tensor;
  /** [2, channels]. */
  readonly moments: Tensor | null;
}

/** Writes the means of y's channels to `moments`, then their variances. */
export function momentsOf(y: Float64Array, channels: number, moments: Float64Array): void {
  const count = y.length / channels;
  moments.fill(0);
  for (let i = 0; i < y.length; i++) moments[i % channels]! += y[i]! / count;
  for (let i = 0; i < y.length; i++) {
    const c = i % channels;
    moments[channels + c]! += (y[i]! - moments[c]!) ** 2 / count;
  }
}
