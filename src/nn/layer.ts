/**
 * The layers of a network as data: what a definition calls, with every name and number settled. A network is the list
 * of its layers, so it can be compared, written to a file, read again and built without the code that defined it.
 */

import type { SizedWindowOptions } from '../ops/window.js';
import type { Initializer } from './initializers.js';
import type { BatchNormNames } from './layerNodes.js';
import type { Layout } from './layouts.js';

/** What a layer's output goes through where activations are not quantized; a learned quantizer takes its place else. */
export type Activation = 'relu' | 'relu6' | 'none';

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

interface Filters extends Read, Activated {
  readonly window: SizedWindowOptions;
  /** Names of the parameters. */
  readonly weight: string;
  readonly batchNorm: BatchNormNames;
  readonly start: Initializer;
}

export interface ConvLayer extends Filters {
  readonly kind: 'conv';
  readonly channels: number;
}

export interface DepthwiseLayer extends Filters {
  readonly kind: 'depthwise';
}

export interface LinearLayer extends Read, Activated {
  readonly kind: 'linear';
  readonly outputs: number;
  readonly weight: string;
  readonly bias: string;
  readonly layout: Layout;
  readonly start: { readonly weight: Initializer; readonly bias: Initializer };
}

export interface AddLayer extends Named, Activated {
  readonly kind: 'add';
  readonly inputs: readonly [string, string];
}

export interface PoolLayer extends Read {
  readonly kind: 'maxPool' | 'averagePool';
  readonly window: SizedWindowOptions;
}

export interface GlobalAverageLayer extends Read {
  readonly kind: 'globalAverage';
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
  | AddLayer
  | PoolLayer
  | GlobalAverageLayer
  | SubsampleLayer
  | ScaleLayer;

/** A network: its layers in the order in which they run. */
export interface NetworkDefinition {
  readonly input: readonly [height: number, width: number, channels: number];
  readonly layers: readonly Layer[];
  /** The layer whose output is the network's, and how many numbers that has. */
  readonly output: string;
  readonly outputs: number;
}
