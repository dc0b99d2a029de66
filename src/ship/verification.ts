/**
 * The last check before a file is written: the network as its file will be read, against the trained one. Every weight
 * is compared, and every certified channel is checked at both sides of each step of its reference.
 */

import { firstDifference } from './certificate.js';
import {
  type ConvolvingLayer,
  convolves,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerWeights,
  weightsOfLayer,
} from './integerNetwork.js';
import { channelFunction } from './interpreter.js';
import type { Lowered } from './lowering.js';

/** The first fault of a network that should equal a lowered one, in words, or null for none. */
export function networkFault(network: IntegerNetwork, { network: wanted, certified }: Lowered): string | null {
  if (network.layers.length !== wanted.layers.length) {
    return `it has ${network.layers.length} layers instead of ${wanted.layers.length}`;
  }
  const channelsOf = new Map(certified.map(({ layer, channels }) => [layer.name, channels] as const));
  for (const [index, layer] of network.layers.entries()) {
    const reference = wanted.layers[index]!;
    const fault = weightFault(layer, reference) ?? integersFault(layer, reference, channelsOf);
    if (fault) return fault;
  }
  return null;
}

function weightFault(layer: IntegerLayer, reference: IntegerLayer): string | null {
  const wanted = weightsOfLayer(reference);
  for (const [index, weights] of weightsOfLayer(layer).entries()) {
    const fault = valuesFault(weights, wanted[index]);
    if (fault) return `layer ${layer.name}, ${fault}`;
  }
  return null;
}

/** A weight that differs, with the accumulator that it changes: that of an input with a single 1 there. */
function valuesFault(weights: IntegerWeights, wanted: IntegerWeights | undefined): string | null {
  if (!wanted || wanted.values.length !== weights.values.length) return `${weights.name}: has other weights`;
  const at = weights.values.findIndex((value, index) => value !== wanted.values[index]);
  if (at < 0) return null;
  const channels = weights.shape.at(-1)!;
  const [actual, right] = [weights.values[at], wanted.values[at]];
  return (
    `channel ${at % channels}: weight ${Math.floor(at / channels)} of ${weights.name} is ${actual} instead of ${right}; ` +
    `where only its input is 1 the accumulator is ${actual} instead of ${right}`
  );
}

function integersFault(
  layer: IntegerLayer,
  reference: IntegerLayer,
  channelsOf: ReadonlyMap<string, Lowered['certified'][number]['channels']>,
): string | null {
  if (layer.op !== reference.op) return `layer ${layer.name} is ${layer.op} instead of ${reference.op}`;
  if (!convolves(layer) || !convolves(reference)) return plainFault(layer, reference);
  const fault = plainFault(withoutChannels(layer), withoutChannels(reference));
  if (fault) return fault;
  const channels = channelsOf.get(layer.name);
  if (!channels) return requantizationFault(layer, reference);
  const { multipliers, biases, shifts } = layer.requantization;
  for (const [channel, wanted] of channels.entries()) {
    const integers = {
      multiplier: multipliers[0]![channel]!,
      bias: biases[channel]!,
      shift: shifts[channel]!,
    };
    const difference = firstDifference(wanted, integers);
    if (!difference) continue;
    const { accumulator, addend, expected, actual } = difference;
    const added = layer.addend ? ` with ${addend} added` : '';
    return `layer ${layer.name}, channel ${channel}: accumulator ${accumulator}${added} gives ${actual} instead of ${expected}`;
  }
  return null;
}

/**
 * The first channel whose integers are not those of the definition, in words, for layers without a certificate; null
 * for none.
 */
function requantizationFault(layer: ConvolvingLayer, reference: ConvolvingLayer): string | null {
  const [actual, wanted] = [layer.requantization, reference.requantization];
  for (let channel = 0; channel < actual.shifts.length; channel++) {
    const same =
      actual.multipliers.every((values, term) => values[channel] === wanted.multipliers[term]![channel]) &&
      actual.biases[channel] === wanted.biases[channel] &&
      actual.shifts[channel] === wanted.shifts[channel];
    if (!same) return `layer ${layer.name}, channel ${channel}: ${outputFault(layer, reference, channel)}`;
  }
  return null;
}

/** An accumulator, for every product, that shows that a channel has other integers; 0 or 1 if they show it. */
function outputFault(layer: ConvolvingLayer, reference: ConvolvingLayer, channel: number): string {
  for (const accumulator of [0, 1]) {
    const [actual, wanted] = [layer, reference].map((each) =>
      channelFunction(each, channel)(
        each.products.map(() => accumulator),
        0,
      ),
    );
    if (actual !== wanted) return `accumulator ${accumulator} gives ${actual} instead of ${wanted}`;
  }
  return 'other multipliers, bias or shift than its definition';
}

/** A convolution without its weights and its channels' integers, which are compared one by one. */
function withoutChannels({ products, requantization, ...layer }: ConvolvingLayer) {
  const { multipliers: _m, biases: _b, shifts: _n, ...shared } = requantization;
  return { ...layer, ...shared, products: products.map(({ weights: _w, lo: _lo, hi: _hi, ...product }) => product) };
}

/** The difference between two layers outside of their channels: numbers and tensors. */
function plainFault(layer: NamedLayer, reference: NamedLayer): string | null {
  return described(layer) === described(reference) ? null : `layer ${layer.name}: other settings than it should have`;
}

type NamedLayer = Pick<IntegerLayer, 'name'>;

/** JSON independent of the order of keys. */
function described(layer: NamedLayer): string {
  return JSON.stringify(layer, (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return ArrayBuffer.isView(value)
      ? Array.from(value as Uint8Array, String)
      : Object.fromEntries(Object.entries(value).sort());
  });
}
