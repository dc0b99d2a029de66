/** Traits of each operation's kernels that the passes of this engine have to know. */

import type { Node, OpName } from '../../graph/graph.js';

export interface KernelTraits<Operand extends string = string> {
  /**
   * True where the first result is stored four numbers at a time if operand and result allow, as 16-bit formats want.
   */
  readonly storesFours: boolean;
  /** Operands that matrix units round to float16: neither gradients, which are scaled before, nor addends. */
  readonly rounded: readonly Operand[];
  /** True for a product with a choice of tiles, which the tuner tries. */
  readonly isTiled: boolean;
  /** The operation whose calls overlap with these on the device if it comes next. */
  readonly overlaps: OpName | null;
  /**
   * True for an operation that is small where it works on parameters, and is best brought together at the beginning.
   */
  readonly comesFirst: boolean;
}

const plain = { storesFours: false, rounded: [], isTiled: false, overlaps: null, comesFirst: false } as const;

/** Deviations from `plain`, which is right for any kernel and at most slower. */
const special: { readonly [K in OpName]?: Partial<KernelTraits<keyof Node<K>['operands'] & string>> } = {
  activation: { storesFours: true, comesFirst: true },
  quantizeChannels: { comesFirst: true },
  batchNorm: { storesFours: true },
  maxPool: { storesFours: true },
  subsample: { storesFours: true },
  conv2d: { rounded: ['x', 'w'], isTiled: true },
  conv2dInputGradient: { rounded: ['w'], isTiled: true },
  conv2dWeightGradient: { rounded: ['x'], isTiled: true, overlaps: 'conv2dInputGradient' },
  depthwiseConv2dWeightGradient: { overlaps: 'depthwiseConv2dInputGradient' },
};

export function traitsOf(op: OpName): KernelTraits {
  return { ...plain, ...special[op] };
}
