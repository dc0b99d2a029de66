/**
 * Channels that can be pruned: outputs of a layer with batch normalisation and ReLU that only convolutions and fully
 * connected layers read, directly or through depthwise convolutions, pooling and flattening.
 *
 * If γ and β of such a channel are 0, the channel is 0 for every image, and no output depends on the weights that
 * compute or read it. The straight-through gradient of a ReLU (or of the quantizer in its place, which learns its
 * range) is 0 at 0, so γ, β and those weights get no gradient, and weight decay keeps zeros. What is 0 once stays 0 on
 * every engine, and a file of parameters shows which channels are pruned. A network without them computes the same
 * (`thinned`).
 *
 * Channels that a sum or a concatenation reads belong to no group, since others would have to be pruned with them.
 */

import { coreOf, parameterNames } from '../quant/index.js';
import { type Layer, type NetworkDefinition, readsOf } from './layer.js';
import type { BatchNormNames } from './layerNodes.js';
import { exponentsName, type Variable, type Variables } from './variables.js';

/** The channels of one layer, and every variable with an axis of them. */
export interface ChannelGroup {
  /** The layer that computes the channels. */
  readonly layer: string;
  readonly channels: number;
  /** γ and β of the layer and of the depthwise convolutions behind it. */
  readonly factors: readonly string[];
  /** Weights that compute the channels or read them. */
  readonly weights: readonly WithChannels[];
  /**
   * All variables with an axis of the channels: these weights and their exponents, parameters and moments of the batch
   * normalisations.
   */
  readonly variables: readonly WithChannels[];
}

/** A variable by name, and its axis of channels: the last (`out`) or the one before (`in`). */
export interface WithChannels {
  readonly name: string;
  readonly axis: 'out' | 'in';
}

/** The groups of a network with declared variables, in the order of its layers. */
export function channelGroups({ layers, output }: NetworkDefinition, variables: Variables): ChannelGroup[] {
  const uses = new Map<string, number>();
  for (const layer of layers) if ('weight' in layer) uses.set(layer.weight, (uses.get(layer.weight) ?? 0) + 1);
  const quantizerOf = (tensor: string) => {
    const row = variables.tensors.find(({ name }) => name === tensor)?.row;
    return typeof row === 'number' ? variables.quantizers[row]! : null;
  };
  /** Tells whether the weight has a quantizer and no other layer uses it. */
  const isOwn = (weight: string) => uses.get(weight) === 1 && quantizerOf(weight) !== null;
  const batchNormOf = (layer: Layer): BatchNormNames | null => {
    if (!('weight' in layer) || !isOwn(layer.weight) || !/^relu6?$/.test(layer.activation)) return null;
    const quantizer = quantizerOf(layer.output);
    const stopsAtZero = quantizer === null || parameterNames(quantizer.kind).length > 0;
    return stopsAtZero ? layer.batchNorm : null;
  };
  const keepsZero = (tensor: string) => {
    const quantizer = quantizerOf(tensor);
    return quantizer === null || /uniform/i.test(coreOf(quantizer.kind));
  };

  /** Appends the variables behind a value's channels to the lists; false if an operation needs all channels. */
  const collect = (
    value: string,
    batchNorms: BatchNormNames[],
    weights: ChannelGroup['weights'][number][],
  ): boolean => {
    const readers = layers.filter((layer) => readsOf(layer).includes(value));
    if (value === output || readers.length === 0) return false;
    return readers.every((reader) => {
      switch (reader.kind) {
        case 'conv':
        case 'linear':
          weights.push({ name: reader.weight, axis: 'in' });
          return isOwn(reader.weight) && (reader.kind === 'linear' || reader.groups === 1);
        case 'depthwise': {
          const batchNorm = batchNormOf(reader);
          if (!batchNorm) return false;
          weights.push({ name: reader.weight, axis: 'out' });
          batchNorms.push(batchNorm);
          return collect(reader.name, batchNorms, weights);
        }
        case 'averagePool':
        case 'globalAverage':
          return keepsZero(reader.name) && collect(reader.name, batchNorms, weights);
        case 'maxPool':
        case 'flatten':
          return collect(reader.name, batchNorms, weights);
        case 'batchNorm':
        case 'add':
        case 'concat':
        case 'slice':
        case 'shuffle':
        case 'multiply':
        case 'activation':
        case 'subsample':
        case 'scale':
          return false;
        default:
          return reader satisfies never;
      }
    });
  };
  return layers.flatMap((layer): ChannelGroup[] => {
    // Other layers pass the channels of their input on, or read only some of them.
    if (layer.kind !== 'linear' && !(layer.kind === 'conv' && layer.groups === 1)) return [];
    const batchNorm = batchNormOf(layer);
    if (!batchNorm) return [];
    const batchNorms = [batchNorm];
    const weights: WithChannels[] = [{ name: layer.weight, axis: 'out' }];
    if (!collect(layer.name, batchNorms, weights)) return [];
    const computing = weights.filter(({ axis }) => axis === 'out');
    const exponents = computing
      .map(({ name }) => exponentsName(quantizerOf(name)!))
      .filter((name) => variables.find(name));
    const others = [...exponents, ...batchNorms.flatMap((names) => Object.values(names) as string[])];
    return [
      {
        layer: layer.name,
        channels: layer.kind === 'linear' ? layer.outputs : layer.channels,
        factors: batchNorms.flatMap(({ gamma, beta }) => [gamma, beta]),
        weights,
        variables: [...weights, ...others.map((name) => ({ name, axis: 'out' as const }))],
      },
    ];
  });
}

/** The network with fewer channels in some layers. `channels`: numbers of channels by layer. */
export function thinned(definition: NetworkDefinition, channels: ReadonlyMap<string, number>): NetworkDefinition {
  const thinner = (layer: Layer): Layer => {
    const left = channels.get(layer.name);
    if (left === undefined) return layer;
    if (layer.kind === 'linear') return { ...layer, outputs: left };
    if (layer.kind === 'conv') return { ...layer, channels: left };
    throw new Error(`${layer.name} has no channels of its own`);
  };
  return { ...definition, layers: definition.layers.map(thinner) };
}

/**
 * The channel of each element of a variable whose axis has a multiple of that many entries: a fully connected layer
 * behind a flattened image reads each channel once a pixel.
 */
export function channelOf(
  { shape }: Pick<Variable, 'shape'>,
  axis: WithChannels['axis'],
  channels: number,
): (element: number) => number {
  const outputs = shape.at(-1)!;
  if (axis === 'out') return (element) => element % outputs;
  const inputs = shape.at(-2)!;
  return (element) => (Math.floor(element / outputs) % inputs) % channels;
}

/** The values of a variable, in the engines' layout, without those of pruned channels. */
export function leftOf<T extends Float32Array | Float64Array>(
  { channelGroups, remains }: Variables,
  variable: Variable,
  values: T,
): T {
  if (!remains) return values;
  const isGone = new Uint8Array(values.length);
  for (const [group, { channels, variables }] of channelGroups.entries()) {
    const goneOfGroup = new Uint8Array(channels).fill(1);
    for (const channel of remains.channels[group]!) goneOfGroup[channel] = 0;
    for (const { axis } of variables.filter(({ name }) => name === variable.name)) {
      const channel = channelOf(variable, axis, channels);
      for (let element = 0; element < values.length; element++) isGone[element]! |= goneOfGroup[channel(element)]!;
    }
  }
  const left = values.slice() as T;
  let count = 0;
  // A loop, since `filter` takes twenty times as long.
  for (let element = 0; element < values.length; element++) if (!isGone[element]) left[count++] = values[element]!;
  return left.slice(0, count) as T;
}
