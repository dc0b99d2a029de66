/**
 * The packed file: an integer network as a safetensors file of bit streams, whose weights take as many bytes as the
 * budget says. Metadata: `format`, `version`, `network` (JSON: classes, a table's columns, loss, tensors, layers) and
 * `crc32` of all else. A layer names its tensors. Its vectors of channels are tensors of the file called LAYER:multipliers, LAYER:biases,
 * LAYER:shifts, LAYER:thresholds and LAYER:values, which are absent if they are all powers of two of the output's grid.
 * Weights are streams under their own names; those of 0 bits are ones, and have none. `packedReader.ts` reads it.
 */

import { crc32, hexadecimal } from '../crc32.js';
import { encodeSafetensors, type NamedTensor } from '../weights/safetensors.js';
import { packIntegers, streamBytes } from './bitStream.js';
import {
  type ConvolvingLayer,
  convolves,
  type Grid,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  integersOf,
  isLast,
  type OutputTable,
  weightsOfLayer,
} from './integerNetwork.js';

/** The metadata `format` of a packed file. */
export const packedFormat = 'mpdnn-integer';
/** Its metadata `version`. */
export const packedVersion = '2';

/** Weights as described in the file; their values are a stream. */
interface WeightsEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly grid: Grid;
  readonly step: number;
  readonly bits: number;
  readonly channelExponents: readonly number[] | null;
}

/** The bytes of a packed file. */
export function packNetwork(network: IntegerNetwork, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  // A convolution whose sums two layers read is computed by both, and its weights stand once.
  const tensors = new Map(network.layers.flatMap(tensorsOf).map((tensor) => [tensor.name, tensor] as const));
  const description = JSON.stringify({
    classes: network.classes,
    columns: network.columns,
    loss: network.loss,
    tensors: tensorsIn(network),
    layers: network.layers.map(layerEntry),
  });
  return sealed([...tensors.values()], {
    ...metadata,
    format: packedFormat,
    version: packedVersion,
    network: description,
  });
}

/** The bytes of a safetensors file with a checksum of its contents in the metadata. */
export function sealed(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>>): Uint8Array {
  return encodeSafetensors(tensors, { ...metadata, crc32: checksum(tensors, metadata) });
}

/** The checksum of a file's tensors and of its other metadata, in hexadecimal. */
export function checksum(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>>): string {
  let crc = crc32(new TextEncoder().encode(JSON.stringify(Object.entries(metadata).sort())));
  for (const { name, shape, data } of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    crc = crc32(new TextEncoder().encode(JSON.stringify([name, shape])), crc);
    crc = crc32(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), crc);
  }
  return hexadecimal(crc);
}

function tensorsIn({ layers }: IntegerNetwork): IntegerTensor[] {
  return layers.flatMap((layer) => (isLast(layer) ? [] : [layer.output]));
}

/** The file's tensors of a layer. */
function tensorsOf(layer: IntegerLayer): NamedTensor[] {
  const streams = weightsOfLayer(layer)
    .filter(({ bits }) => bits > 0)
    .map(({ name, values, grid, bits }) => vector(name, packIntegers(values, grid, bits)));
  if (layer.op === 'classifier') return [...streams, vector(`${layer.name}:shifts`, layer.shifts)];
  if (!convolves(layer)) return streams;
  const { multipliers, biases, shifts, table } = layer.requantization;
  return [
    ...streams,
    vector(`${layer.name}:multipliers`, narrow(multipliers.flatMap((values) => [...values]))),
    vector(`${layer.name}:biases`, narrowBig(biases)),
    vector(`${layer.name}:shifts`, shifts),
    ...(table ? [vector(`${layer.name}:thresholds`, table.thresholds)] : []),
    ...(table && !holdsWholeGrid(table, layer.output.grid)
      ? [vector(`${layer.name}:values`, narrow([...table.values]))]
      : []),
  ];
}

/** Tells whether a table has all powers of a grid, ascending, which the file then does not repeat. */
function holdsWholeGrid({ values }: OutputTable, grid: Grid): boolean {
  return grid.type === 'powers' && integersOf(grid).join() === values.join();
}

/** Bytes of a layer's weights as streams. */
export function weightBytesOf(layer: IntegerLayer): number {
  return weightsOfLayer(layer).reduce((sum, { values, bits }) => sum + streamBytes(values.length, bits), 0);
}

/** Bytes of a layer's multipliers, biases, shifts and tables. */
export function constantBytes(layer: IntegerLayer): number {
  const streams = new Set(weightsOfLayer(layer).map(({ name }) => name));
  return tensorsOf(layer).reduce((sum, { name, data }) => sum + (streams.has(name) ? 0 : data.byteLength), 0);
}

function vector(name: string, data: NamedTensor['data']): NamedTensor {
  return { name, shape: [data.length], data };
}

function narrow(values: readonly number[]): Int16Array | Int32Array {
  return values.every((value) => value === (value << 16) >> 16) ? Int16Array.from(values) : Int32Array.from(values);
}

function narrowBig(values: BigInt64Array): Int32Array | BigInt64Array {
  return values.every((value) => BigInt.asIntN(32, value) === value) ? Int32Array.from(values, Number) : values;
}

function weightsEntry({ name, shape, grid, step, bits, channelExponents }: IntegerWeights): WeightsEntry {
  return { name, shape, grid, step, bits, channelExponents: channelExponents && [...channelExponents] };
}

/** A layer as JSON, with tensors by name and without the vectors, which are tensors of the file. */
function layerEntry(layer: IntegerLayer): object {
  switch (layer.op) {
    case 'input': {
      const { op, name, scale, offsets, quantization, output } = layer;
      return { op, name, scale, offsets, quantization, output: output.name };
    }
    case 'convolution':
      return { ...convolvingEntry(layer), output: layer.output.name };
    case 'outputs': {
      const { shape, step } = layer.output;
      return { ...convolvingEntry(layer), shape, unit: step };
    }
    case 'arrange':
      return { ...layer, inputs: layer.inputs.map(({ name }) => name), output: layer.output.name };
    case 'maxPool':
    case 'subsample':
    case 'sumPool':
      return { ...layer, input: layer.input.name, output: layer.output.name };
    case 'classifier': {
      const { op, name, input, weights, bias, biasFactor, biasShift, unit } = layer;
      const described = { weights: weightsEntry(weights), bias: weightsEntry(bias) };
      return { op, name, input: input.name, ...described, biasFactor, biasShift, unit };
    }
    default:
      return layer satisfies never;
  }
}

function convolvingEntry({ op, name, products, addend, proof, requantization }: ConvolvingLayer): object {
  const { addendShift, outputShift, table } = requantization;
  return {
    ...{ op, name, addend: addend?.name ?? null, addendShift, outputShift, thresholds: table !== null, proof },
    products: products.map(({ input, weights, factor, depthwise, groups, window }) => {
      const by = factor && { factor: factor.name };
      return { input: input.name, weights: weightsEntry(weights), ...by, depthwise, groups, window };
    }),
  };
}
