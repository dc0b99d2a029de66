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

import { elementCount } from '../graph/index.js';
import { coreOf, parameterNames, type Quantizer } from '../quant/index.js';
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
  /** Rows of the quantizers of tensors with an axis of the channels: these weights, and activations. */
  readonly rows: readonly number[];
}

/** A variable by name, and its axis of channels: the last (`out`) or the one before (`in`). */
export interface WithChannels {
  readonly name: string;
  readonly axis: 'out' | 'in';
}

/** The groups of a network with declared variables, in the order of its layers. */
export function channelGroups(definition: NetworkDefinition, variables: Variables): ChannelGroup[] {
  const rules = pruningRules(definition, variables);
  return definition.layers.flatMap((layer): ChannelGroup[] => {
    // Other layers pass the channels of their input on, or read only some of them.
    if (layer.kind !== 'linear' && !(layer.kind === 'conv' && layer.groups === 1)) return [];
    const batchNorm = rules.batchNormOf(layer);
    if (!batchNorm) return [];
    const found: Found = {
      batchNorms: [batchNorm],
      weights: [{ name: layer.weight, axis: 'out' }],
      activations: [layer.output],
    };
    if (!collect(layer.name, definition, rules, found)) return [];
    const { batchNorms, weights, activations } = found;
    const computing = weights.filter(({ axis }) => axis === 'out');
    const exponents = computing
      .map(({ name }) => exponentsName(rules.quantizerOf(name)!))
      .filter((name) => variables.find(name));
    const others = [...exponents, ...batchNorms.flatMap((names) => Object.values(names) as string[])];
    return [
      {
        layer: layer.name,
        channels: layer.kind === 'linear' ? layer.outputs : layer.channels,
        factors: batchNorms.flatMap(({ gamma, beta }) => [gamma, beta]),
        weights,
        variables: [...weights, ...others.map((name) => ({ name, axis: 'out' as const }))],
        rows: [...weights.map(({ name }) => name), ...activations].flatMap((tensor) => rules.rowOf(tensor) ?? []),
      },
    ];
  });
}

/** Conditions on quantizers and shared weights under which what is 0 stays 0. */
interface PruningRules {
  /** The row of a tensor's quantizer; null without one. */
  rowOf(tensor: string): number | null;
  /** The quantizer of a tensor; null without one. */
  quantizerOf(tensor: string): Quantizer | null;
  /** Tells whether the weight has a quantizer and no other layer uses it. */
  isOwn(weight: string): boolean;
  /** The batch normalisation of a layer whose channels stay 0; null for other layers. */
  batchNormOf(layer: Layer): BatchNormNames | null;
  /** Tells whether the tensor's quantizer, if it has one, maps 0 to 0. */
  keepsZero(tensor: string): boolean;
}

function pruningRules({ layers }: NetworkDefinition, variables: Variables): PruningRules {
  const uses = new Map<string, number>();
  for (const layer of layers) if ('weight' in layer) uses.set(layer.weight, (uses.get(layer.weight) ?? 0) + 1);
  const rowOf: PruningRules['rowOf'] = (tensor) => variables.tensors.find(({ name }) => name === tensor)?.row ?? null;
  const quantizerOf: PruningRules['quantizerOf'] = (tensor) => {
    const row = rowOf(tensor);
    return row === null ? null : variables.quantizers[row]!;
  };
  const isOwn: PruningRules['isOwn'] = (weight) => uses.get(weight) === 1 && quantizerOf(weight) !== null;
  return {
    ...{ rowOf, quantizerOf, isOwn },
    batchNormOf: (layer) => {
      if (!('weight' in layer) || !isOwn(layer.weight) || !/^relu6?$/.test(layer.activation)) return null;
      const quantizer = quantizerOf(layer.output);
      const stopsAtZero = quantizer === null || parameterNames(quantizer.kind).length > 0;
      return stopsAtZero ? layer.batchNorm : null;
    },
    keepsZero: (tensor) => {
      const quantizer = quantizerOf(tensor);
      return quantizer === null || /uniform/i.test(coreOf(quantizer.kind));
    },
  };
}

/** The batch normalisations, weights and names of activations of a group, while they are collected. */
interface Found {
  readonly batchNorms: BatchNormNames[];
  readonly weights: WithChannels[];
  readonly activations: string[];
}

/** Appends what is behind a value's channels to the lists; false if an operation needs all channels. */
function collect(value: string, definition: NetworkDefinition, rules: PruningRules, found: Found): boolean {
  const readers = definition.layers.filter((layer) => readsOf(layer).includes(value));
  if (value === definition.output || readers.length === 0) return false;
  const collectBehind = ({ name }: Layer) => collect(name, definition, rules, found);
  return readers.every((reader) => {
    switch (reader.kind) {
      case 'conv':
      case 'linear':
        found.weights.push({ name: reader.weight, axis: 'in' });
        return rules.isOwn(reader.weight) && (reader.kind === 'linear' || reader.groups === 1);
      case 'depthwise': {
        const batchNorm = rules.batchNormOf(reader);
        if (!batchNorm) return false;
        found.weights.push({ name: reader.weight, axis: 'out' });
        found.batchNorms.push(batchNorm);
        found.activations.push(reader.output);
        return collectBehind(reader);
      }
      case 'averagePool':
      case 'globalAverage':
        found.activations.push(reader.name);
        return rules.keepsZero(reader.name) && collectBehind(reader);
      case 'maxPool':
      case 'flatten':
        return collectBehind(reader);
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
 * Calls `visit` for each run of consecutive elements that belong to one channel. The axis may have a multiple of that many
 * entries: a fully connected layer behind a flattened image reads each channel once a pixel.
 */
export function forEachRun(
  { shape }: Pick<Variable, 'shape'>,
  axis: WithChannels['axis'],
  channels: number,
  visit: (channel: number, begin: number, end: number) => void,
): void {
  const length = axis === 'out' ? 1 : shape.at(-1)!;
  const count = elementCount(shape);
  for (let begin = 0, channel = 0; begin < count; begin += length) {
    visit(channel, begin, begin + length);
    if (++channel === channels) channel = 0;
  }
}

/** The values of a variable, in the engines' layout, without those of pruned channels. */
export function leftOf<T extends Float32Array | Float64Array>(
  { channelGroups, remains }: Variables,
  { name, shape }: Variable,
  values: T,
): T {
  if (!remains) return values;
  const width = shape.at(-1)!;
  const kept = (axis: WithChannels['axis'], count: number) => {
    const groups = channelGroups.flatMap(({ channels, variables }, group) => {
      const isOwn = variables.some((variable) => variable.name === name && variable.axis === axis);
      return isOwn ? [{ channels, left: new Set(remains.channels[group]) }] : [];
    });
    const all = Array.from({ length: count }, (_, at) => at);
    return all.filter((at) => groups.every(({ channels, left }) => left.has(at % channels)));
  };
  const [rows, columns] = [kept('in', values.length / width), kept('out', width)];
  const left = values.slice(0, rows.length * columns.length) as T;
  let count = 0;
  for (const row of rows) for (const column of columns) left[count++] = values[row * width + column]!;
  return left;
}
