/** Outputs of layers during an import, and pending layers. */

import type { Value } from '../nn/index.js';
import type { NodeContext } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';

/** An output and its ONNX shape for one image: [1,C,H,W], [1,C,L] or [1,F]. */
export interface Output {
  readonly shape: readonly number[];
  /** The layer's output; the layer is created at the first call. */
  readonly value: () => Value;
  /** The pending layer, which may still absorb nodes behind it. */
  readonly pending?: Pending;
  /** Zeros around it that its shape includes and its value does not; a convolution absorbs them. */
  readonly padding?: Sides;
  /** Channels, rows and columns of the image that these features were; ONNX has the features in another order. */
  readonly order?: readonly [channels: number, rows: number, columns: number];
  /** Groups of an image's channels, [1, groups, C/groups, H, W]; turned: [1, C/groups, groups, H, W]. */
  readonly cut?: { readonly groups: number; readonly isTurned: boolean };
  /** The sigmoid that it is of another output; their product is a single activation. */
  readonly gate?: { readonly type: 'sigmoid' | 'hardSigmoid'; readonly of: Output };
}

export type Known = Constant | Output;

export type Sides = Readonly<Record<'top' | 'bottom' | 'left' | 'right', number>>;
export type Activation = 'relu' | 'relu6' | 'sigmoid' | 'hardSigmoid' | 'hardSwish' | 'silu' | 'none';

/** A layer that is not created yet, since the next nodes may belong to it. */
export interface Pending {
  activation: Activation;
  /** `other` absorbs an activation only. */
  readonly layer: 'convolution' | 'linear' | 'other';
  batchNorm: BatchNorm | null;
  bias: Constant | null;
  made: Value | null;
}

export interface BatchNorm {
  readonly name: string | undefined;
  readonly gamma: Constant;
  readonly beta: Constant;
  readonly mean: Constant;
  readonly variance: Constant;
  readonly epsilon: number;
}

/** The fault of a node; caught by the loop over the nodes. */
export class NodeFault extends Error {}

export function isOutput(known: Known): known is Output {
  return 'value' in known;
}

/** Memoizes a function: it is called at most once. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** An output whose layer is created when it is read. */
export function waiting(shape: readonly number[], pending: Pending, make: (pending: Pending) => Value): Output {
  const value = (): Value => {
    pending.made ??= make(pending);
    return pending.made;
  };
  return { shape, value, pending };
}

export function newPending(layer: Pending['layer'], bias: Constant | null = null): Pending {
  return { layer, activation: 'none', batchNorm: null, bias, made: null };
}

/** An output as an image, for convolutions and poolings. */
export function imageOf(context: NodeContext, x: Output): Value {
  const value = x.value();
  if (value.shape.length === 3) return value;
  throw context.fault('an image is wanted, and there are features');
}

/** An output as features, for linear layers. */
export function featuresOf({ n }: NodeContext, x: Output): Value {
  const value = x.value();
  return value.shape.length === 1 ? value : n.globalAverage(value);
}
