/** The outputs of layers while a network is imported, and the layers that wait for what follows them. */

import type { Value } from '../nn/index.js';
import type { NodeContext } from './nodeContext.js';
import type { Constant } from './onnxGraph.js';

/** An output, with its shape as ONNX has it for one image: [1,C,H,W], [1,C,L] or [1,F]. */
export interface Output {
  readonly shape: readonly number[];
  /** The layer's output; made when it is first asked for. */
  readonly value: () => Value;
  /** What is not made yet, and may still take in what follows. */
  readonly pending?: Pending;
  /** Zeros around it, which its shape counts and its value has not; a convolution takes them in. */
  readonly padding?: Sides;
  /** Channels, rows and columns of the image whose numbers these features are: ONNX has them in another order than we. */
  readonly order?: readonly [channels: number, rows: number, columns: number];
  /** An image whose channels are cut into groups, [1, groups, C/groups, H, W]; turned: [1, C/groups, groups, H, W]. */
  readonly cut?: { readonly groups: number; readonly isTurned: boolean };
  /** The function that it is of another output; multiplied by that it is one function. */
  readonly gate?: { readonly type: 'sigmoid' | 'hardSigmoid'; readonly of: Output };
}

export type Known = Constant | Output;

export type Sides = Readonly<Record<'top' | 'bottom' | 'left' | 'right', number>>;
export type Activation = 'relu' | 'relu6' | 'sigmoid' | 'hardSigmoid' | 'hardSwish' | 'silu' | 'none';

/** A layer that waits for what follows it. */
export interface Pending {
  activation: Activation;
  /** `other` takes in an activation alone. */
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

/** The fault of a node: caught where nodes are gone through. */
export class NodeFault extends Error {}

export function isOutput(known: Known): known is Output {
  return 'value' in known;
}

/** What a function returns, which is called once at most. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** An output that is made when it is read. */
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

/** An output as convolutions and poolings read it. */
export function imageOf(context: NodeContext, x: Output): Value {
  const value = x.value();
  if (value.shape.length === 3) return value;
  throw context.fault('an image is wanted, and there are features');
}

/** An output as linear layers read it. */
export function featuresOf({ n }: NodeContext, x: Output): Value {
  const value = x.value();
  return value.shape.length === 1 ? value : n.globalAverage(value);
}
