/** Traits of the operations' kernels, for the passes of this engine. */

import type { Node, OpName } from '../../graph/graph.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import { nextPowerOfTwo } from './kernels/sums.js';

export interface KernelTraits<Operand extends string = string> {
  /**
   * Tells when the first result is stored four numbers at a time, as 16-bit formats need: if its channels allow it, or
   * only if those of the first operand do too, or never.
   */
  readonly storesFours: 'always' | 'like operand' | 'never';
  /** Operands that matrix units round to float16. */
  readonly rounded: readonly Operand[];
  /** Operands that they round times `gradientScale`: upstream gradients. */
  readonly roundedScaled: readonly Operand[];
  /**
   * How the first result may be rounded to float16 together with operands of products: unscaled, scaled, or not at all.
   */
  readonly mayRound: 'value' | 'gradient' | null;
  /** True for a product with a choice of tiles, which the tuner tries. */
  readonly isTiled: boolean;
  /** True for an operation that is small if it works on parameters; such operations are moved to the beginning. */
  readonly comesFirst: boolean;
}

const plain = {
  storesFours: 'never',
  rounded: [],
  roundedScaled: [],
  mayRound: null,
  isTiled: false,
  comesFirst: false,
} as const;

/** Differences from `plain`, which is right for any kernel and at most slower. */
const special: { readonly [K in OpName]?: Partial<KernelTraits<keyof Node<K>['operands'] & string>> } = {
  activation: { storesFours: 'like operand', comesFirst: true },
  activationGradient: { storesFours: 'like operand', mayRound: 'gradient' },
  prepareQuantizers: { comesFirst: true },
  quantizeChannels: { comesFirst: true },
  runningStatistics: { comesFirst: true },
  batchNorm: { storesFours: 'always', mayRound: 'value' },
  batchNormGradientReduce: { storesFours: 'always', mayRound: 'gradient' },
  batchNormGradientApply: { storesFours: 'always', mayRound: 'gradient' },
  maxPool: { storesFours: 'always', mayRound: 'value' },
  maxPoolGradient: { storesFours: 'always', mayRound: 'gradient' },
  subsample: { storesFours: 'like operand' },
  conv2d: { storesFours: 'always', rounded: ['x', 'w'], mayRound: 'value', isTiled: true },
  conv2dInputGradient: {
    ...{ storesFours: 'always', rounded: ['w'], roundedScaled: ['dy'], mayRound: 'gradient' },
    isTiled: true,
  },
  conv2dWeightGradient: { rounded: ['x'], roundedScaled: ['dy'], isTiled: true },
  depthwiseConv2d: { storesFours: 'like operand', mayRound: 'value' },
  depthwiseConv2dInputGradient: { storesFours: 'like operand', mayRound: 'gradient' },
};

/**
 * The factor, a power of two, that brings gradients of pixels [B,H,W,C] into float16's range. The loss is a mean over
 * images, and a convolution's gradient is distributed over the pixels of each: times their number it is of the order of
 * 1.
 */
export function gradientScale({ shape }: Tensor): number {
  return nextPowerOfTwo(elementCount(shape.slice(0, -1)));
}

export function traitsOf(op: OpName): KernelTraits {
  return { ...plain, ...special[op] };
}
