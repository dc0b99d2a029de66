/** What the function of a network calls: the layers and their options, and the check of these. */

import { InputError } from '../errors.js';
import type { Padding, PerAxis, SizedWindowOptions, WindowOptions } from '../ops/window.js';
import type { Initializer } from './initializers.js';
import type { Activation } from './layer.js';

/** The output of a layer, or the images, while a network is defined. */
export interface Value {
  readonly name: string;
  /** [height, width, channels] or [features], without the batch. */
  readonly shape: readonly number[];
}

export interface LayerOptions {
  /** Name of the layer in rules, tables and files; by default `conv1`, `conv2`, … in the order of the calls. */
  readonly name?: string;
  /** The function behind the layer. If activations are quantized, the quantizer takes the place of a ReLU. */
  readonly activation?: Activation;
  /** Name of the output in rules and tables, if it differs from the layer's. */
  readonly output?: string;
}

export interface ConvOptions extends LayerOptions, Omit<WindowOptions, 'ceil'> {
  /** Rows and columns of the window; 3 by default. */
  readonly size?: PerAxis;
  /**
   * Zeros around the image. By default half the window on each side, as usual in PyTorch, which keeps the image's size
   * at stride 1. `same`: as in Keras.
   */
  readonly padding?: Padding;
  /** Name of the batch normalisation, by default or with true `NAME.bn`; false for a bias instead. */
  readonly batchNorm?: string | boolean;
  /** Distribution of the initial weights; by default normal with variance 2/fan-in. */
  readonly start?: Initializer;
  /** Distribution of the initial bias, if there is one; zeros by default. */
  readonly biasStart?: Initializer;
}

export interface DenseConvOptions extends ConvOptions {
  /** Groups of channels: outputs of a group depend on the inputs of one group only; 1 by default. */
  readonly groups?: number;
}

export interface LinearOptions extends LayerOptions {
  /** Batch normalisation instead of the bias: its name, or true for `NAME.bn`; none by default. */
  readonly batchNorm?: string | boolean;
  /** Distribution of the initial weights; by default normal with variance 2/fan-in. */
  readonly start?: Initializer;
  /** Distribution of the initial bias; zeros by default. */
  readonly biasStart?: Initializer;
}

export interface NameOptions {
  readonly name?: string;
}

export interface SliceOptions extends NameOptions {
  /** Index of the first channel, from 0. */
  readonly first: number;
  readonly channels: number;
}

export interface ShuffleOptions extends NameOptions {
  readonly groups: number;
}

export interface PoolOptions extends SizedWindowOptions, NameOptions {
  /** By default the window's size. */
  readonly stride?: PerAxis;
}

export interface AveragePoolOptions extends PoolOptions {
  /** True to count the zeros of `padding` as pixels (PyTorch's default); false by default. */
  readonly countsPadding?: boolean;
}

export interface SubsampleOptions extends NameOptions {
  /** Keeps every `stride`-th row and column. */
  readonly stride: number;
  /** Channels of the result; those behind the input's are zeros. */
  readonly channels: number;
}

/** The layers. Within a scope, names begin with the scope's. */
export interface Layers {
  /** Convolution, batch normalisation, then ReLU or another `activation`. */
  conv(x: Value, channels: number, options?: DenseConvOptions): Value;
  /**
   * Depthwise convolution with one filter for each channel of `x`, batch normalisation, then ReLU or another
   * `activation`.
   */
  depthwise(x: Value, options?: ConvOptions): Value;
  /** Fully connected layer with a bias, without an activation unless one is given. */
  linear(x: Value, outputs: number, options?: LinearOptions): Value;
  /** Batch normalisation of any value (a concatenation, or before a convolution), then ReLU or another `activation`. */
  batchNorm(x: Value, options?: LayerOptions): Value;
  /** Sum of two values, then ReLU or another `activation`. */
  add(a: Value, b: Value, options?: LayerOptions): Value;
  maxPool(x: Value, options: PoolOptions): Value;
  averagePool(x: Value, options: AveragePoolOptions): Value;
  /** Mean over all pixels: an image [H, W, C] becomes features [C]. */
  globalAverage(x: Value, options?: NameOptions): Value;
  /** An image [H, W, C] as features [H·W·C]. */
  flatten(x: Value, options?: NameOptions): Value;
  /** Channels (or features) of several values, one after another. */
  concat(values: readonly Value[], options?: NameOptions): Value;
  /** Consecutive channels (or features), beginning at `first`. */
  slice(x: Value, options: SliceOptions): Value;
  /** Channels taken from `groups` groups in turn, as in ShuffleNet. */
  shuffle(x: Value, options: ShuffleOptions): Value;
  /** Each channel of an image times a feature, as in squeeze and excite; without an activation unless one is given. */
  multiply(image: Value, factors: Value, options?: LayerOptions): Value;
  /** An activation as a layer of its own; most layers have the option `activation`. */
  activation(x: Value, activation: Activation, options?: Omit<LayerOptions, 'activation'>): Value;
  /** A shortcut without parameters to fewer pixels and more channels. */
  subsample(x: Value, options: SubsampleOptions): Value;
  /** `x` times one learned number. */
  scale(x: Value, options?: NameOptions): Value;
  /** Puts `name/` before the names of the layers made by `define`. */
  scope<T>(name: string, define: () => T): T;
}

/** The layers that have options. */
export type OptionedLayer = Exclude<keyof Layers, 'scope'>;
type OptionOf<K extends OptionedLayer> =
  Required<Parameters<Layers[K]>> extends readonly [...unknown[], infer Options] ? keyof Options : never;

const named = { name: 0 };
const activated = { ...named, activation: 0, output: 0 };
const windowed = { ...named, size: 0, stride: 0, padding: 0, dilation: 0 };
const started = { batchNorm: 0, start: 0, biasStart: 0 };
/** The options of each layer, since JavaScript passes over others in silence. */
const optionsOf: { readonly [K in OptionedLayer]: Readonly<Record<OptionOf<K>, unknown>> } = {
  conv: { ...activated, ...windowed, ...started, groups: 0 },
  depthwise: { ...activated, ...windowed, ...started },
  linear: { ...activated, ...started },
  batchNorm: activated,
  add: activated,
  maxPool: { ...windowed, ceil: 0 },
  averagePool: { ...windowed, ceil: 0, countsPadding: 0 },
  globalAverage: named,
  flatten: named,
  concat: named,
  slice: { ...named, first: 0, channels: 0 },
  shuffle: { ...named, groups: 0 },
  multiply: activated,
  activation: { ...named, output: 0 },
  subsample: { ...named, stride: 0, channels: 0 },
  scale: named,
};

/** Throws an `InputError` for what is no object of options, and for an option that the layer does not have. */
export function demandOptions(kind: OptionedLayer, options: unknown): void {
  demandKeys(`n.${kind}`, options, optionsOf[kind]);
}

/** Throws an `InputError`, beginning with `call`, for what is no object of options, and for an unknown option. */
export function demandKeys(call: string, options: unknown, known: object): void {
  const names = Object.keys(known).join(', ');
  if (options !== Object(options)) throw new InputError(`${call}: wants an object of ${names}, and ${options} is none`);
  const strange = Object.keys(options as object).find((option) => !(option in known));
  if (strange !== undefined) throw new InputError(`${call}: ${strange} is none of its options ${names}`);
}
