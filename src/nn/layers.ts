/**
 * Networks from functions of the images. Each call of a layer checks shapes at once, so that an error names the line of
 * the call, and adds a layer to the definition.
 */

import { InputError } from '../errors.js';
import type { Shape } from '../graph/index.js';
import { extentOf, type PerAxis, type SizedWindowOptions, sidesOf } from '../ops/window.js';
import { demandLayer, isInitializer, shapeBuilder } from './definitionData.js';
import { type Activation, activations, inputName, type Layer, type NetworkDefinition, readsOf } from './layer.js';
import {
  type AveragePoolOptions,
  type ConvOptions,
  type DenseConvOptions,
  demandKeys,
  demandOptions,
  type LayerOptions,
  type Layers,
  type LinearOptions,
  type NameOptions,
  type OptionedLayer,
  type PoolOptions,
  type ShuffleOptions,
  type SliceOptions,
  type SubsampleOptions,
  type Value,
} from './layerCalls.js';
import { type Names, type Naming, namings } from './naming.js';
import { placed } from './placed.js';

/** A network as a function from images to outputs. Every call has to make the same layers. */
export type Define = (n: Layers, x: Value) => Value;

export interface NetworkOptions {
  /** Size of an image. */
  readonly input: readonly [height: number, width: number, channels: number];
  /** Separators in the names of parameters; `slashes` by default. */
  readonly names?: Names;
}

/**
 * Defines a network of one's own. `define` is called twice at once, and never again.
 *
 * @throws InputError for shapes that do not fit, a name that is used twice or a layer whose result is used nowhere (with
 *   the line of the layer), or for a definition that makes other layers the second time
 * @example
 * ```ts
 * import { network } from 'mixed-precision-dnns';
 *
 * const net = network({ input: [28, 28, 1] }, (n, x) => {
 *   const wide = n.conv(x, 16, { stride: 2 });
 *   const sum = n.add(n.conv(wide, 16, { activation: 'none' }), wide);
 *   return n.linear(n.globalAverage(sum), 10);
 * });
 * console.log(net.layers.map(({ name }) => name));
 * ```
 */
export function network(options: NetworkOptions, define: Define): NetworkDefinition {
  const first = defined(options, define, placed);
  const read = new Set([first.output, ...first.layers.flatMap(readsOf)]);
  const unread = first.layers.find(({ name }) => !read.has(name))?.name;
  // The second call has the place of a layer that is not used in the first.
  const second = defined(options, define, (layer) =>
    placed((...given) => {
      const value = layer(...given);
      if (value.name === unread) throw new InputError(`${unread}: nothing uses it; leave it out`);
      return value;
    }),
  );
  for (let at = 0; at < Math.max(first.layers.length, second.layers.length); at++) {
    const [one, other] = [first.layers[at], second.layers[at]];
    if (JSON.stringify(one) === JSON.stringify(other)) continue;
    throw new InputError(
      `network: its function must make the same layers each time: ${different(one, other)}, then ${different(other, one)}`,
    );
  }
  if (first.output === second.output) return first;
  throw new InputError(`network: its function returns ${first.output}, then ${second.output}`);
}

/** Name of a layer and its properties that another one lacks. */
function different(layer: Layer | undefined, other: Layer | undefined): string {
  if (!layer) return 'nothing';
  const own = Object.entries(layer).filter(([key, value]) => {
    return JSON.stringify(value) !== JSON.stringify(other?.[key as keyof Layer]);
  });
  return `${layer.name} ${JSON.stringify(Object.fromEntries(own))}`;
}

/**
 * The definition made by one call of the function.
 *
 * @param wrapped wraps each layer's function, to add to its errors
 */
export function defined(
  options: NetworkOptions,
  define: Define,
  wrapped: typeof placed = (layer) => layer,
): NetworkDefinition {
  demandKeys('network', options, { input: 0, names: 0 });
  const { input, names = 'slashes' } = options;
  const naming = namings[names];
  if (!naming) throw new InputError(`network: names is ${names}; right would be slashes or dots`);
  const recorder = new Recorder(checkedInput(input), naming, wrapped);
  return recorder.definition(define(recorder.layers, recorder.input));
}

function checkedInput(input: NetworkOptions['input']): NetworkOptions['input'] {
  const isShape =
    Array.isArray(input) && input.length === 3 && input.every((size) => Number.isInteger(size) && size > 0);
  if (isShape) return input;
  throw new InputError(`network: input is [${input}]; right would be [height, width, channels], such as [32, 32, 3]`);
}

class Recorder {
  readonly input: Value;
  readonly layers: Layers;
  readonly #made: Layer[] = [];
  readonly #values = new Set<Value>();
  readonly #taken = new Set([inputName]);
  readonly #counts = new Map<string, number>();
  readonly #naming: Naming;
  readonly #builder: ReturnType<typeof shapeBuilder>;
  readonly #inputShape: NetworkOptions['input'];
  #scope = '';

  constructor(input: NetworkOptions['input'], naming: Naming, wrapped: typeof placed) {
    this.#inputShape = input;
    this.#naming = naming;
    this.#builder = shapeBuilder(input);
    this.input = this.#value(inputName, [1, ...input]);
    this.layers = this.#layers(wrapped);
  }

  definition(output: Value): NetworkDefinition {
    if (!this.#values.has(output)) throw new InputError('network: its function must return a value of its layers');
    const [first] = output.shape as [number];
    const outputs = output.shape.length === 1 ? first : (output.shape as [number, number, number]);
    return { input: this.#inputShape, layers: this.#made, output: output.name, outputs };
  }

  #layers(wrapped: typeof placed): Layers {
    const naming = this.#naming;
    return {
      conv: wrapped((x: Value, channels: number, options: DenseConvOptions = {}) => {
        const name = this.#name('conv', options);
        this.#wantImage(name, x);
        wantCount(name, 'channels', channels);
        const { groups = 1 } = options;
        if (![x.shape[2]!, channels].every((count) => count % groups === 0)) {
          throw new InputError(`${name}: ${groups} groups do not divide ${x.shape[2]} channels into ${channels}`);
        }
        return this.#add({ kind: 'conv', name, channels, groups, ...this.#filters(name, x, options) });
      }),
      depthwise: wrapped((x: Value, options: ConvOptions = {}) => {
        const name = this.#name('depthwise', options);
        this.#wantImage(name, x);
        return this.#add({ kind: 'depthwise', name, ...this.#filters(name, x, options) });
      }),
      linear: wrapped((x: Value, outputs: number, options: LinearOptions = {}) => {
        const name = this.#name('linear', options);
        this.#wantFeatures(name, x);
        wantCount(name, 'outputs', outputs);
        const { layout, ...parameters } = naming.linear(name);
        const weighted = this.#weighted(name, parameters, { ...options, batchNorm: options.batchNorm ?? false });
        return this.#add({
          ...{ kind: 'linear', name, input: x.name, outputs, layout, ...weighted },
          ...this.#activated(name, options, 'none'),
        });
      }),
      batchNorm: wrapped((x: Value, options: LayerOptions = {}) => {
        const name = this.#name('batchNorm', options);
        this.#want(name, x);
        const names = naming.batchNormOf(name);
        this.#take(...Object.values(names));
        return this.#add({
          ...{ kind: 'batchNorm', name, input: x.name, batchNorm: names },
          ...this.#activated(name, options),
        });
      }),
      add: wrapped((a: Value, b: Value, options: LayerOptions = {}) => {
        const name = this.#name('add', options);
        for (const operand of [a, b]) this.#want(name, operand);
        if (a.shape.join() !== b.shape.join()) {
          throw new InputError(`${name}: ${text(a)} and ${text(b)} have different shapes and cannot be added`);
        }
        return this.#add({ kind: 'add', name, inputs: [a.name, b.name], ...this.#activated(name, options) });
      }),
      maxPool: wrapped((x: Value, options: PoolOptions) => this.#pool('maxPool', x, options)),
      averagePool: wrapped((x: Value, options: AveragePoolOptions) => this.#pool('averagePool', x, options)),
      globalAverage: wrapped((x: Value, options?: NameOptions) => this.#features('globalAverage', x, options)),
      flatten: wrapped((x: Value, options?: NameOptions) => this.#features('flatten', x, options)),
      concat: wrapped((values: readonly Value[], options: NameOptions = {}) => {
        const name = this.#name('concat', options);
        for (const value of values) this.#want(name, value);
        const [first, ...others] = values;
        if (!first || others.length === 0)
          throw new InputError(`${name}: of ${values.length} values, two at least are right`);
        const other = others.find(({ shape }) => shape.slice(0, -1).join() !== first.shape.slice(0, -1).join());
        if (other) throw new InputError(`${name}: ${text(first)} and ${text(other)} differ in more than channels`);
        return this.#add({ kind: 'concat', name, inputs: values.map((value) => value.name) });
      }),
      slice: wrapped((x: Value, options: SliceOptions) => {
        const name = this.#name('slice', options);
        const { first, channels } = options;
        this.#want(name, x);
        const of = x.shape.at(-1)!;
        wantCount(name, 'channels', channels);
        if (!(Number.isInteger(first) && first >= 0 && first + channels <= of)) {
          throw new InputError(`${name}: ${channels} channels from ${first} on, of ${text(x)}`);
        }
        return this.#add({ kind: 'slice', name, input: x.name, first, channels });
      }),
      shuffle: wrapped((x: Value, options: ShuffleOptions) => {
        const name = this.#name('shuffle', options);
        const { groups } = options;
        this.#want(name, x);
        wantCount(name, 'groups', groups);
        if (x.shape.at(-1)! % groups !== 0) throw new InputError(`${name}: ${groups} groups do not divide ${text(x)}`);
        return this.#add({ kind: 'shuffle', name, input: x.name, groups });
      }),
      multiply: wrapped((image: Value, factors: Value, options: LayerOptions = {}) => {
        const name = this.#name('multiply', options);
        this.#wantImage(name, image);
        this.#wantFeatures(name, factors);
        if (image.shape[2] !== factors.shape[0]) {
          throw new InputError(`${name}: ${text(image)} has other channels than ${text(factors)} has features`);
        }
        const inputs = [image.name, factors.name] as const;
        return this.#add({ kind: 'multiply', name, inputs, ...this.#activated(name, options, 'none') });
      }),
      activation: wrapped((x: Value, activation: Activation, options: Omit<LayerOptions, 'activation'> = {}) => {
        const name = this.#name('activation', options, activation);
        this.#want(name, x);
        return this.#add({
          kind: 'activation',
          name,
          input: x.name,
          ...this.#activated(name, { ...options, activation }),
        });
      }),
      subsample: wrapped((x: Value, options: SubsampleOptions) => {
        const name = this.#name('subsample', options);
        const { stride, channels } = options;
        this.#wantImage(name, x);
        return this.#add({ kind: 'subsample', name, input: x.name, stride, extraChannels: channels - x.shape[2]! });
      }),
      scale: wrapped((x: Value, options: NameOptions = {}) => {
        const name = this.#name('scale', options);
        this.#want(name, x);
        return this.#add({ kind: 'scale', name, input: x.name });
      }),
      scope: (name, define) => {
        const outside = this.#scope;
        this.#scope = `${outside}${checkedName(name)}${naming.separator}`;
        try {
          return define();
        } finally {
          this.#scope = outside;
        }
      },
    };
  }

  #pool(kind: 'maxPool' | 'averagePool', x: Value, options: AveragePoolOptions): Value {
    const name = this.#name(kind, options);
    this.#wantImage(name, x);
    if (options.countsPadding && options.ceil) {
      throw new InputError(`${name}: countsPadding and ceil: take one of them`);
    }
    const { name: _, size, stride = size, ...others } = options;
    return this.#add({ kind, name, input: x.name, window: { size, stride, ...others } });
  }

  #features(kind: 'globalAverage' | 'flatten', x: Value, options: NameOptions = {}): Value {
    const name = this.#name(kind, options);
    this.#wantImage(name, x);
    return this.#add({ kind, name, input: x.name });
  }

  #filters(name: string, x: Value, options: ConvOptions) {
    return {
      ...{ input: x.name, window: windowOf(name, options) },
      ...this.#weighted(name, this.#naming.convolution(name), options),
      ...this.#activated(name, options),
    };
  }

  /** Names and initial values of a weight, and of its bias or batch normalisation. */
  #weighted(
    name: string,
    { weight, bias }: { readonly weight: string; readonly bias: string },
    { batchNorm = true, start = { he: 'fanIn' }, biasStart }: Pick<ConvOptions, 'start' | 'biasStart' | 'batchNorm'>,
  ) {
    const naming = this.#naming;
    const starts = { weight: start, bias: biasStart ?? 'zeros' };
    if (!Object.values(starts).every(isInitializer)) {
      throw new InputError(
        `${name}: ${isInitializer(start) ? 'biasStart' : 'start'} is none of 'zeros', 'ones', { he: 'fanIn' or 'fanOut' }, and { normal } and { uniform } of a number from 0 on`,
      );
    }
    if (biasStart && batchNorm !== false) {
      throw new InputError(`${name}: biasStart has no effect with batch normalisation; leave it out`);
    }
    this.#take(weight);
    if (batchNorm === false) {
      this.#take(bias);
      return { weight, bias, batchNorm: null, start: starts };
    }
    const names = naming.batchNormOf(batchNorm === true ? `${name}${naming.batchNorm}` : this.#scoped(batchNorm));
    this.#take(...Object.values(names));
    return { weight, bias: null, batchNorm: names, start: starts };
  }

  #activated(name: string, { activation, output }: LayerOptions, usual: Activation = 'relu') {
    const own = output === undefined ? name : this.#scoped(output);
    if (own !== name) this.#take(own);
    if (activation !== undefined && !activations.includes(activation)) {
      throw new InputError(`${name}: activation ${activation}; right would be one of ${activations.join(', ')}`);
    }
    return { activation: activation ?? usual, output: own };
  }

  /** @param word begins the layer's name unless its options have one */
  #name(kind: OptionedLayer, options: NameOptions, word: string = kind): string {
    demandOptions(kind, options);
    const given = options.name;
    const key = this.#scope + word;
    const count = (this.#counts.get(key) ?? 0) + (given === undefined ? 1 : 0);
    this.#counts.set(key, count);
    const name = given === undefined ? `${key}${count}` : this.#scoped(given);
    this.#take(name);
    return name;
  }

  #scoped(name: string): string {
    return this.#scope + checkedName(name);
  }

  #take(...names: readonly string[]): void {
    for (const name of names) {
      if (this.#taken.has(name)) throw new InputError(`${name}: the name stands twice; give one of them another`);
      this.#taken.add(name);
    }
  }

  #wantImage(layer: string, x: Value): void {
    this.#want(layer, x);
    if (x.shape.length === 3) return;
    throw new InputError(`${layer}: wants an image, [height, width, channels], and ${text(x)} is none`);
  }

  #wantFeatures(layer: string, x: Value): void {
    this.#want(layer, x);
    if (x.shape.length === 1) return;
    throw new InputError(
      `${layer}: wants features, [count], and ${text(x)} is an image: n.globalAverage or n.flatten makes them`,
    );
  }

  #want(layer: string, x: Value): void {
    if (this.#values.has(x)) return;
    throw new InputError(`${layer}: its input is no value of this network`);
  }

  #add(layer: Layer): Value {
    let shape: Shape;
    try {
      ({ shape } = this.#builder.append(layer));
    } catch (error) {
      throw error instanceof InputError ? new InputError(`${layer.name}: ${error.message}`) : error;
    }
    demandLayer(layer, layer.name);
    this.#made.push(layer);
    return this.#value(layer.name, shape);
  }

  /** @param shape with a batch of one */
  #value(name: string, shape: Shape): Value {
    const value: Value = { name, shape: shape.slice(1) };
    this.#values.add(value);
    return value;
  }
}

function windowOf(layer: string, { size = 3, stride = 1, padding, dilation }: ConvOptions): SizedWindowOptions {
  return {
    ...{ size, stride, padding: padding ?? halfOf(layer, size, dilation) },
    ...(dilation !== undefined && { dilation }),
  };
}

/** Padding by half a window on each side. */
function halfOf(layer: string, size: PerAxis, dilation: PerAxis = 1): PerAxis {
  const [[rows, columns], [down, across]] = [sidesOf(size), sidesOf(dilation)];
  const half = [(extentOf(rows, down) - 1) / 2, (extentOf(columns, across) - 1) / 2] as const;
  if (half.every(Number.isInteger)) return half[0] === half[1] ? half[0] : half;
  throw new InputError(`${layer}: a window of ${size} has no middle; give its padding: 'same', or numbers`);
}

function wantCount(layer: string, what: string, count: number): void {
  if (Number.isInteger(count) && count >= 1) return;
  throw new InputError(`${layer}: ${what} is ${count}; right would be a whole number from 1 on`);
}

/**
 * Returns the name.
 *
 * @throws InputError if it has characters with a meaning in rules and tables
 */
function checkedName(name: string): string {
  if (/^[\p{L}\p{N}_./-]+$/u.test(name)) return name;
  throw new InputError(`'${name}' is no name for a layer: letters, digits, and . / _ - make one`);
}

function text({ name, shape }: Value): string {
  return `${name} [${shape.join(', ')}]`;
}
