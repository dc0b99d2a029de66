/** What the passes of this engine have to know of each operation's kernels. */

import type { Node, OpName } from '../../graph/graph.js';

export interface KernelTraits<K extends OpName> {
  /** Whether the first result is stored four numbers at a time where operand and result allow, as 16-bit formats want. */
  readonly storesFours: boolean;
  /** Operands that matrix units round to float16: neither gradients, which are scaled before, nor addends. */
  readonly rounded: readonly (keyof Node<K>['operands'])[];
  /** Whether the kernel is a product with a choice of tiles, which the tuner tries. */
  readonly isTiled: boolean;
  /** The operation whose calls overlap with these on the device if it comes next. */
  readonly overlaps: OpName | null;
  /** Whether the operation is small where it works on parameters, and is best brought together at the beginning. */
  readonly comesFirst: boolean;
}

const plain = { storesFours: false, rounded: [], isTiled: false, overlaps: null, comesFirst: false } as const;

export const kernelTraits: { readonly [K in OpName]: KernelTraits<K> } = {
  gatherBatch: plain,
  prepareQuantizers: plain,
  activation: { ...plain, storesFours: true, comesFirst: true },
  activationGradient: plain,
  quantizeChannels: { ...plain, comesFirst: true },
  quantizeChannelsGradient: plain,
  conv2d: { ...plain, rounded: ['x', 'w'], isTiled: true },
  conv2dInputGradient: { ...plain, rounded: ['w'], isTiled: true },
  conv2dWeightGradient: { ...plain, rounded: ['x'], isTiled: true, overlaps: 'conv2dInputGradient' },
  depthwiseConv2d: plain,
  depthwiseConv2dInputGradient: plain,
  depthwiseConv2dWeightGradient: { ...plain, overlaps: 'depthwiseConv2dInputGradient' },
  batchStatistics: plain,
  runningStatistics: plain,
  batchNorm: { ...plain, storesFours: true },
  batchNormGradientReduce: plain,
  batchNormGradientApply: plain,
  add: plain,
  copy: plain,
  subsample: { ...plain, storesFours: true },
  subsampleGradient: plain,
  globalAveragePool: plain,
  globalAveragePoolGradient: plain,
  maxPool: { ...plain, storesFours: true },
  maxPoolGradient: plain,
  linear: plain,
  linearInputGradient: plain,
  linearWeightGradient: plain,
  scale: plain,
  scaleGradient: plain,
  softmaxCrossEntropy: plain,
  softmaxCrossEntropyGradient: plain,
  parameterUpdate: plain,
  movingAverage: plain,
  quantizerUpdate: plain,
  recordMetrics: plain,
};
