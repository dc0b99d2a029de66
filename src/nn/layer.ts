/**
 * The layers of a network as data: what a definition calls, with every name and number settled. A network is the list
 * of its layers, so it can be compared, written to a file, read again and built without the code that defined it.
 */

import type { AverageOptions } from '../ops/averagePool.js';
import type { SizedWindowOptions } from '../ops/window.js';
import type { Initializer } from './initializers.js';
import type { BatchNormNames } from './layerNodes.js';
import type { Layout } from './layouts.js';

/**
 * What a layer's output goes through. Where activations are quantized a quantizer without a sign takes the place of ReLU
 * and ReLU6; behind the other functions stands one.
 */
export const activations = ['relu', 'relu6', 'sigmoid', 'hardSigmoid', 'hardSwish', 'silu', 'none'] as const;
export type Activation = (typeof activations)[number];

interface Named {
  /** Unique in the network: other layers read the output by it. */
  readonly name: string;
}

interface Read extends Named {
  /** The layer whose output is read, or `input`. */
  readonly input: string;
}

interface Activated {
  readonly activation: Activation;
  /** The output's name in tables, rules and files. */
  readonly output: string;
}

/** Weights with a batch normalisation behind them, or with a bias, and nothing else. */
interface Weighted extends Read, Activated {
  /** Names of the parameters. */
  readonly weight: string;
  readonly bias: string | null;
  readonly batchNorm: BatchNormNames | null;
  readonly start: { readonly weight: Initializer; readonly bias: Initializer };
}

interface Filters extends Weighted {
  readonly window: SizedWindowOptions;
}

export interface ConvLayer extends Filters {
  readonly kind: 'conv';
  readonly channels: number;
  /** Channels of the result see those of one group only. */
  readonly groups: number;
}

export interface DepthwiseLayer extends Filters {
  readonly kind: 'depthwise';
}

export interface LinearLayer extends Weighted {
  readonly kind: 'linear';
  readonly outputs: number;
  readonly layout: Layout;
}

/** A batch normalisation that stands behind no weights of its own, as before DenseNet's convolutions. */
export interface BatchNormLayer extends Read, Activated {
  readonly kind: 'batchNorm';
  readonly batchNorm: BatchNormNames;
}

export interface AddLayer extends Named, Activated {
  readonly kind: 'add';
  readonly inputs: readonly [string, string];
}

export interface MaxPoolLayer extends Read {
  readonly kind: 'maxPool';
  readonly window: SizedWindowOptions;
}

export interface AveragePoolLayer extends Read {
  readonly kind: 'averagePool';
  readonly window: AverageOptions;
}

export interface GlobalAverageLayer extends Read {
  readonly kind: 'globalAverage';
}

/** An image's numbers as features, pixel by pixel, the channels of a pixel together. */
export interface FlattenLayer extends Read {
  readonly kind: 'flatten';
}

/** Channels of several values, one behind the other. */
export interface ConcatLayer extends Named {
  readonly kind: 'concat';
  readonly inputs: readonly string[];
}

/** Neighbouring channels. */
export interface SliceLayer extends Read {
  readonly kind: 'slice';
  readonly first: number;
  readonly channels: number;
}

/** The channels of groups in turn, as in ShuffleNet. */
export interface ShuffleLayer extends Read {
  readonly kind: 'shuffle';
  readonly groups: number;
}

/** Each channel of an image, the first input, times a feature of the second. */
export interface MultiplyLayer extends Named, Activated {
  readonly kind: 'multiply';
  readonly inputs: readonly [image: string, factors: string];
}

export interface ActivationLayer extends Read, Activated {
  readonly kind: 'activation';
}

export interface SubsampleLayer extends Read {
  readonly kind: 'subsample';
  readonly stride: number;
  readonly extraChannels: number;
}

/** The factor is a parameter of the layer's own name. */
export interface ScaleLayer extends Read {
  readonly kind: 'scale';
}

export type Layer =
  | ConvLayer
  | DepthwiseLayer
  | LinearLayer
  | BatchNormLayer
  | AddLayer
  | MaxPoolLayer
  | AveragePoolLayer
  | GlobalAverageLayer
  | FlattenLayer
  | ConcatLayer
  | SliceLayer
  | ShuffleLayer
  | MultiplyLayer
  | ActivationLayer
  | SubsampleLayer
  | ScaleLayer;

/** A network: its layers in the order in which they run. */
export interface NetworkDefinition {
  readonly input: readonly [height: number, width: number, channels: number];
  readonly layers: readonly Layer[];
  /** The layer whose output is the network's, and how many numbers that has; of an image its sizes. */
  readonly output: string;
  readonly outputs: number | readonly [height: number, width: number, channels: number];
}

/** The values that a layer reads. */
export function readsOf(layer: Layer): readonly string[] {
  return 'inputs' in layer ? layer.inputs : [layer.input];
}
