/** Terms of sums that have no weights of their own: tensors as they are, and means over windows. */

import type { Window } from '../ops/window.js';
import { boundedProduct } from './bounds.js';
import { type IntegerTensor, type IntegerWeights, pixelWindow } from './integerNetwork.js';
import type { Normalised } from './requantization.js';

/** A tensor as a term of a sum, each element by itself. */
export function identity(input: IntegerTensor): Normalised {
  return meanOf(input, [1, 1], pixelWindow);
}

/** Means over windows: a depthwise convolution with weights of 1. */
export function meanOf(
  input: IntegerTensor,
  sides: readonly [rows: number, columns: number],
  window: Window,
): Normalised {
  const channels = input.shape.at(-1)!;
  const pixels = sides[0] * sides[1];
  const ones: IntegerWeights = {
    name: '',
    shape: [...sides, channels],
    values: new Int32Array(pixels * channels).fill(1),
    grid: { type: 'uniform', lo: 0, hi: 1 },
    step: 1,
    channelExponents: null,
    bits: 0,
  };
  const product = boundedProduct({ input, weights: ones, depthwise: true, groups: 1, window });
  const steps = new Array<number>(channels).fill(input.step);
  return { product, steps, pixels, normalisation: asIs(channels) };
}

/** The normalisation that changes nothing. */
export function asIs(channels: number): Normalised['normalisation'] {
  const [zeros, units] = [new Float64Array(channels), new Float64Array(channels).fill(1)];
  return { mean: zeros, invstd: units, gamma: units, beta: zeros };
}
