/**
 * Layers as data: the calls of a definition with every name and number resolved. A network is the list of its layers,
 * so it can be compared, written to a file, read again and built without the code that defined it.
 */

import type { AverageOptions } from '../ops/averagePool.js';
import type { SizedWindowOptions } from '../ops/window.js';
import type { Initializer } from './initializers.js';
import type { BatchNormNames } from './layerNodes.js';
import type { Layout } from './layouts.js';

/**
 * The functions behind a layer. If activations are quantized, an unsigned quantizer replaces ReLU and ReLU6, and
 * follows the other functions.
 */
export const activations = ['relu', 'relu6', 'sigmoid', 'hardSigmoid', 'hardSwish', 'silu', 'none'] as const;
export type Activation = (typeof activations)[number];

/** Name by which layers read the images, and of their quantizer's tensor. */
export const inputName = 'input';

interface Named {
  /** Unique in the network; other layers refer to the output by it. */
  readonly name: string;
}

interface Read extends Named {
  /** The layer to read from, or `inputName`. */
  readonly input: string;
}

interface Activated {
  readonly activation: Activation;
  /** Name of the output in tables, rules and files. */
  readonly output: string;
}

/** A layer with weights, and either batch normalisation or bias. */
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
  /** Number of groups; outputs of one group depend on the inputs of one group only. */
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

/** A batch normalisation that does not follow weights, as before DenseNet's convolutions. */
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

/** An image [H, W, C] as features [H·W·C], the channels of a pixel together. */
export interface FlattenLayer extends Read {
  readonly kind: 'flatten';
}

/** The channels of several values, one after another. */
export interface ConcatLayer extends Named {
  readonly kind: 'concat';
  readonly inputs: readonly string[];
}

/** Consecutive channels. */
export interface SliceLayer extends Read {
  readonly kind: 'slice';
  readonly first: number;
  readonly channels: number;
}

/** Channels taken from the groups in turn, as in ShuffleNet. */
export interface ShuffleLayer extends Read {
  readonly kind: 'shuffle';
  readonly groups: number;
}

/** Channels of the first input, an image, each times a feature of the second. */
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

/** The input times one learned number, a parameter with the layer's name. */
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
  /** The layer whose output is the network's, and the number of outputs, or [height, width, classes] for an image. */
  readonly output: string;
  readonly outputs: number | readonly [height: number, width: number, channels: number];
}

/** Names of the values that a layer reads. */
export function readsOf(layer: Layer): readonly string[] {
  return 'inputs' in layer ? layer.inputs : [layer.input];
}
