/** The forms that tensors of the plan have during lowering. */

import type { Tensor } from '../graph/index.js';
import type { ActivationFunction } from '../ops/attributes.js';
import type { InputQuantization, IntegerTensor, IntegerWeights } from './integerNetwork.js';
import type { Normalised, Sums } from './requantization.js';

/** The form of a tensor of the plan on the device. */
export type Value =
  | { readonly type: 'parameter'; readonly name: string; readonly values: Float64Array }
  | { readonly type: 'weights'; readonly weights: IntegerWeights }
  /** Inputs that are on no grid until they are quantized. */
  | ({ readonly type: 'numbers'; readonly fault: string } & Pick<InputQuantization, 'scale' | 'offset'>)
  | { readonly type: 'integers'; readonly tensor: IntegerTensor }
  /** Channels of tensors in memory, which are combined when they are read. */
  | { readonly type: 'channels'; readonly channels: readonly TensorChannel[] }
  | { readonly type: 'sums'; readonly sums: Sums }
  | {
      readonly type: 'normalised';
      readonly terms: readonly Normalised[];
      readonly addend: IntegerTensor | null;
      /** A function of the sum, which only a quantizer can follow. */
      readonly through: ActivationFunction | null;
    }
  /** The mean over all pixels: a sum if the classifier reads it, else with a quantizer. */
  | { readonly type: 'mean'; readonly input: IntegerTensor }
  | { readonly type: 'moments'; readonly mean: ArrayLike<number>; readonly invstd: ArrayLike<number> }
  /** Logits, or values that become logits, times a learned number. */
  | { readonly type: 'scaled'; readonly x: Tensor; readonly factor: number }
  | { readonly type: 'classified' };

/** A channel of a stored tensor. */
export interface TensorChannel {
  readonly tensor: IntegerTensor;
  readonly channel: number;
}

/** A description of a tensor without a name in tables. */
export function described(value: Value): string {
  switch (value.type) {
    case 'parameter':
      return value.name;
    case 'weights':
      return value.weights.name;
    case 'numbers':
      return 'the input';
    case 'integers':
      return value.tensor.name;
    case 'channels':
      return [...new Set(value.channels.map(({ tensor: { name } }) => name))].join(', ');
    case 'sums':
      return `the convolution with ${value.sums.product.weights.name}`;
    case 'normalised': {
      const sum = [
        ...value.terms.map(({ product: { weights, input } }) => weights.name || input.name),
        ...(value.addend ? [value.addend.name] : []),
      ].join(' + ');
      return value.through ? `${value.through}(${sum})` : sum;
    }
    case 'mean':
      return `the mean of ${value.input.name}`;
    case 'moments':
      return 'moments';
    case 'scaled':
      return 'a tensor times a number';
    case 'classified':
      return 'the logits';
    default:
      return value satisfies never;
  }
}

/** A sum of terms and an addend, which a quantizer or a function can follow. */
export type Sum = Extract<Value, { readonly type: 'normalised' }>;

/** A single term as a sum. */
export function singleTerm(term: Normalised): Sum {
  return { type: 'normalised', terms: [term], addend: null, through: null };
}
