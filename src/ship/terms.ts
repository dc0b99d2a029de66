/** Terms of sums without weights of their own: unchanged tensors, means over windows, and channels times numbers. */

import { InputError } from '../errors.js';
import type { Window } from '../ops/window.js';
import { boundedProduct } from './bounds.js';
import { type IntegerTensor, type IntegerWeights, pixelWindow } from './integerNetwork.js';
import type { Normalised } from './requantization.js';

/** A tensor as a term of a sum, each element on its own. */
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
  const product = boundedProduct({ input, weights: ones, factor: null, depthwise: true, groups: 1, window });
  const steps = new Array<number>(channels).fill(input.step);
  return { product, steps, pixels, normalisation: asIs(channels) };
}

/**
 * Each channel of a tensor times its number in a tensor of one pixel. Steps are powers of two, so the float64 product
 * of the two numbers is exact.
 *
 * @throws InputError for other steps
 */
export function scaledBy(input: IntegerTensor, factor: IntegerTensor): Normalised {
  for (const { name, step } of [input, factor]) {
    if (Number.isInteger(Math.log2(step))) continue;
    throw new InputError(
      `${name}: its step is ${step}, and channels are multiplied in steps that are powers of two; give it such a step ` +
        '(a_stepsize, by a rule in layers)',
    );
  }
  const { product, steps, ...term } = identity(input);
  return { ...term, product: boundedProduct({ ...product, factor }), steps: steps.map((step) => step * factor.step) };
}

/** The normalisation without effect. */
export function asIs(channels: number): Normalised['normalisation'] {
  const [zeros, units] = [new Float64Array(channels), new Float64Array(channels).fill(1)];
  return { mean: zeros, invstd: units, gamma: units, beta: zeros };
}
