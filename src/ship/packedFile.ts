/**
 * The packed file: an integer network as a safetensors file of bit streams, whose weights take as many bytes as the
 * budget says. Metadata: `format`, `version`, `network` (JSON: classes, tensors, layers) and `crc32` of all else. A
 * layer names its tensors. Its vectors of channels are tensors of the file called LAYER:multipliers, LAYER:biases,
 * LAYER:shifts, LAYER:thresholds and, unless these belong to powers of two, LAYER:values. Weights are streams under
 * their own names; those of 0 bits are ones, and have none.
 */

import { crc32, hexadecimal } from '../crc32.js';
import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';
import type { AxisWindow, Window } from '../ops/window.js';
import { decodeSafetensors, encodeSafetensors, type NamedTensor, type Safetensors } from '../weights/safetensors.js';
import { packIntegers, streamBytes, unpackIntegers } from './bitStream.js';
import { boundedClassifier, boundedOutputs, boundedProduct } from './bounds.js';
import {
  type ConvolutionLayer,
  type ConvolvingLayer,
  convolves,
  type Grid,
  type InputQuantization,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  integersOf,
  isLast,
  type OutputLayer,
  type OutputTable,
  type Product,
  type Proof,
  type Requantization,
} from './integerNetwork.js';
import { array, choice, integer, number, record, sizes, text } from './json.js';
import { checkNetwork } from './soundness.js';

const FORMAT = 'mpdnn-integer';
const VERSION = '2';
/** The most characters of an error, since a file's names may be of any length. */
const longestFault = 300;

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
  const files = network.layers.flatMap(tensorsOf);
  const description = JSON.stringify({
    classes: network.classes,
    tensors: tensorsIn(network),
    layers: network.layers.map(layerEntry),
  });
  return sealed(files, { ...metadata, format: FORMAT, version: VERSION, network: description });
}

/** The bytes of a safetensors file with a checksum of its contents in the metadata. */
export function sealed(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>>): Uint8Array {
  return encodeSafetensors(tensors, { ...metadata, crc32: checksum(tensors, metadata) });
}

/**
 * The network of a packed file called `source`.
 *
 * @throws InputError if it is damaged, no packed file, or of another version
 */
export function unpackNetwork(bytes: Uint8Array, source: string): IntegerNetwork {
  const file = decodeSafetensors(bytes, source);
  const { format, version, network, crc32: written, ...others } = file.metadata;
  if (format !== FORMAT) throw new InputError(`${source}: no packed network, its format is ${format ?? 'not named'}`);
  if (version !== VERSION) {
    throw new InputError(`${source}: has version ${version}, this program reads version ${VERSION}; export it anew`);
  }
  const described = { ...others, format, version, network: network ?? '' };
  if (written !== checksum([...file.tensors.values()], described)) {
    throw new InputError(`${source}: damaged, its contents do not fit its checksum`);
  }
  try {
    return networkOf(JSON.parse(network ?? ''), file);
  } catch (error) {
    throw new InputError(`${source}: damaged, ${(error as Error).message.slice(0, longestFault)}`);
  }
}

function checksum(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>>): string {
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

/** The weights of a layer, in the order of its definition. */
export function weightsOfLayer(layer: IntegerLayer): IntegerWeights[] {
  switch (layer.op) {
    case 'convolution':
    case 'outputs':
      return layer.products.map(({ weights }) => weights);
    case 'classifier':
      return [layer.weights, ...(layer.bias ? [layer.bias] : [])];
    case 'input':
    case 'arrange':
    case 'maxPool':
    case 'subsample':
    case 'sumPool':
      return [];
    default:
      return layer satisfies never;
  }
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
    ...(table && layer.output.grid.type === 'uniform'
      ? [vector(`${layer.name}:values`, narrow([...table.values]))]
      : []),
  ];
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
      const described = { weights: weightsEntry(weights), bias: bias && weightsEntry(bias) };
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

function networkOf(json: unknown, file: Safetensors): IntegerNetwork {
  const root = record(json, 'network');
  const tensors = new Map(array(root.tensors, 'tensors', tensorOf).map((tensor) => [tensor.name, tensor] as const));
  const layers = array(root.layers, 'layers', (layer) => layerOf(layer, tensors, file));
  const network = { classes: array(root.classes, 'classes', (name) => text(name, 'class')), layers };
  checkNetwork(network);
  return network;
}

function tensorOf(json: unknown): IntegerTensor {
  const { name, shape, grid, step, bits, usedChannels } = record(json, 'tensor');
  return {
    name: text(name, 'name of a tensor'),
    shape: sizes(shape, 'shape'),
    grid: gridOf(grid),
    step: number(step, 'step'),
    bits: integer(bits, 'bits', 1, 32),
    usedChannels: integer(usedChannels, 'usedChannels', 1, sizes(shape, 'shape').at(-1)!),
  };
}

function gridOf(json: unknown): Grid {
  const fields = record(json, 'grid');
  const hi = integer(fields.hi, 'hi', 0, 2 ** 31 - 1);
  if (choice(fields.type, 'type of a grid', ['uniform', 'powers']) === 'powers') {
    if (2 ** Math.round(Math.log2(hi)) !== hi) throw new Error(`hi ${hi} is no power of two`);
    return { type: 'powers', signed: fields.signed === true, hi };
  }
  return { type: 'uniform', lo: integer(fields.lo, 'lo', -(2 ** 31), 0), hi };
}

type TensorOf = (json: unknown) => IntegerTensor;

function layerOf(json: unknown, tensors: ReadonlyMap<string, IntegerTensor>, file: Safetensors): IntegerLayer {
  const fields = record(json, 'layer');
  const name = text(fields.name, 'name of a layer');
  const tensor: TensorOf = (named) => {
    const found = tensors.get(text(named, `a tensor of ${name}`));
    if (!found) throw new Error(`${name} names a tensor ${named} that is not there`);
    return found;
  };
  const op = choice(fields.op, `op of ${name}`, operations);
  switch (op) {
    case 'input': {
      const scale = integer(fields.scale, 'scale', 1, 16);
      const offsets = array(fields.offsets, 'offsets', (offset) => integer(offset, 'offset', -(2 ** 20), 2 ** 20));
      const quantization = fields.quantization === null ? null : quantizationOf(fields.quantization);
      return { op, name, scale, offsets, quantization, output: tensor(fields.output) };
    }
    case 'convolution':
      return convolutionOf(fields, name, tensor, file);
    case 'outputs':
      return outputLayerOf(fields, name, tensor, file);
    case 'maxPool': {
      const { rows, columns } = windowOf(fields.window);
      const sizeOf = (axis: unknown) => integer(record(axis, 'axis').size, 'size', 1, mostTaps);
      const given = record(fields.window, 'window');
      const window = {
        rows: { ...rows, size: sizeOf(given.rows) },
        columns: { ...columns, size: sizeOf(given.columns) },
      };
      return { op, name, window, input: tensor(fields.input), output: tensor(fields.output) };
    }
    case 'arrange': {
      const shifts = array(fields.shifts, 'shifts', (shift) => integer(shift, 'shift', 0, 8));
      const sources = array(fields.sources, 'sources', (json) => {
        const { input, channel } = record(json, 'source');
        return { input: integer(input, 'input', 0, 255), channel: integer(channel, 'channel', 0, 2 ** 16 - 1) };
      });
      return {
        op,
        name,
        inputs: array(fields.inputs, 'inputs', tensor),
        shifts,
        sources,
        output: tensor(fields.output),
      };
    }
    case 'subsample': {
      const stride = integer(fields.stride, 'stride', 1, mostTaps);
      return { op, name, stride, input: tensor(fields.input), output: tensor(fields.output) };
    }
    case 'sumPool':
      return { op, name, input: tensor(fields.input), output: tensor(fields.output) };
    case 'classifier': {
      const weights = weightsOf(fields.weights, file);
      return boundedClassifier({
        ...{ op, name, input: tensor(fields.input), weights },
        bias: fields.bias === null ? null : weightsOf(fields.bias, file),
        shifts: shiftsOf(file, name, weights.shape.at(-1)!),
        biasFactor: integer(fields.biasFactor, 'biasFactor', 1, 2 ** 20),
        biasShift: integer(fields.biasShift, 'biasShift', 0, 31),
        unit: number(fields.unit, 'unit'),
      });
    }
    default:
      return op satisfies never;
  }
}

const operations = [
  ...(['input', 'convolution', 'maxPool', 'arrange', 'subsample', 'sumPool'] as const),
  ...(['classifier', 'outputs'] as const),
];

function quantizationOf(json: unknown): InputQuantization {
  const { scale, offset, step, limit } = record(json, 'quantization');
  const channels = (values: unknown) => array(values, 'quantization', (each) => number(each, 'quantization'));
  return {
    ...{ scale: channels(scale), offset: channels(offset), step: number(step, 'step') },
    limit: integer(limit, 'limit', 1, 127),
  };
}

/** The most taps along an axis, and the largest stride, dilation and padding. */
const mostTaps = 64;

function windowOf(json: unknown): Window {
  const { rows, columns } = record(json, 'window');
  return { rows: axisOf(rows), columns: axisOf(columns) };
}

function axisOf(json: unknown): AxisWindow {
  const { stride, before, after, dilation } = record(json, 'axis of a window');
  return {
    stride: integer(stride, 'stride', 1, mostTaps),
    before: integer(before, 'before', 0, mostTaps),
    after: integer(after, 'after', 0, mostTaps),
    dilation: integer(dilation, 'dilation', 1, mostTaps),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function convolutionOf(fields: Fields, name: string, tensor: TensorOf, file: Safetensors): ConvolutionLayer {
  const output = tensor(fields.output);
  const channels = output.shape.at(-1)!;
  const products = productsOf(fields, output.name, channels, tensor, file);
  return {
    ...{ op: 'convolution', name, products, output, proof: proofOf(fields.proof) },
    addend: fields.addend === null ? null : tensor(fields.addend),
    requantization: {
      ...requantizationOf(fields, name, products.length, channels, file),
      table: fields.thresholds === true ? tableOf(file, name, output.grid) : null,
    },
  };
}

function outputLayerOf(fields: Fields, name: string, tensor: TensorOf, file: Safetensors): OutputLayer {
  const shape = sizes(fields.shape, 'shape of the outputs');
  const channels = shape.at(-1)!;
  const products = productsOf(fields, name, channels, tensor, file);
  const requantization = { ...requantizationOf(fields, name, products.length, channels, file), table: null };
  const addend = fields.addend === null ? null : tensor(fields.addend);
  const unbounded = { name, products, addend, requantization, proof: proofOf(fields.proof) };
  return boundedOutputs(unbounded, shape, number(fields.unit, 'unit'));
}

function productsOf(fields: Fields, reader: string, channels: number, tensor: TensorOf, file: Safetensors): Product[] {
  return array(fields.products, 'products', (json) => {
    const product = record(json, 'product');
    const weights = weightsOf(product.weights, file);
    if (weights.shape.at(-1) !== channels) throw new Error(`${weights.name} has other channels than ${reader}`);
    const depthwise = product.depthwise === true;
    const groups = integer(product.groups, 'groups', 1, 2 ** 16);
    const window = windowOf(product.window);
    const factor = product.factor === undefined ? null : tensor(product.factor);
    return boundedProduct({ input: tensor(product.input), weights, factor, depthwise, groups, window });
  });
}

function requantizationOf(
  fields: Fields,
  name: string,
  products: number,
  channels: number,
  file: Safetensors,
): Omit<Requantization, 'table'> {
  const multipliers = Int32Array.from(numbersOf(file, `${name}:multipliers`, products * channels), (multiplier) =>
    integer(multiplier, `${name}:multipliers`, -(2 ** 31), 2 ** 31 - 1),
  );
  return {
    multipliers: Array.from({ length: products }, (_, index) =>
      multipliers.slice(index * channels, (index + 1) * channels),
    ),
    biases: bigsOf(file, `${name}:biases`, channels),
    shifts: shiftsOf(file, name, channels),
    addendShift: integer(fields.addendShift, 'addendShift', 0, 31),
    outputShift: integer(fields.outputShift, 'outputShift', 0, 31),
  };
}

function tableOf(file: Safetensors, layer: string, grid: Grid): OutputTable {
  const thresholds = bigsOf(file, `${layer}:thresholds`);
  const values = grid.type === 'powers' ? integersOf(grid) : numbersOf(file, `${layer}:values`, thresholds.length + 1);
  return { thresholds, values: Int32Array.from(values) };
}

function proofOf(json: unknown): Proof {
  const fields = record(json, 'proof');
  const type = choice(fields.type, 'type of a proof', ['exact', 'proven', 'definition']);
  switch (type) {
    case 'exact':
      return { type };
    case 'definition':
      return { type, reason: text(fields.reason, 'reason') };
    case 'proven': {
      const { accumulators, addends } = fields;
      return { type, accumulators: number(accumulators, 'accumulators'), addends: number(addends, 'addends') };
    }
    default:
      return type satisfies never;
  }
}

function weightsOf(json: unknown, file: Safetensors): IntegerWeights {
  const fields = record(json, 'weights');
  const name = text(fields.name, 'name of weights');
  const shape = sizes(fields.shape, `shape of ${name}`);
  const bits = integer(fields.bits, `bits of ${name}`, 0, 16);
  const grid = gridOf(fields.grid);
  const count = elementCount(shape);
  const values = bits === 0 ? ones(count, name) : integersOfStream(file, name, { count, grid, bits });
  const exponents = fields.channelExponents;
  return {
    ...{ name, shape, grid, bits, step: number(fields.step, `step of ${name}`) },
    values,
    channelExponents:
      exponents === null
        ? null
        : Int8Array.from(array(exponents, 'channelExponents', (each) => integer(each, 'exponent', -64, 64))),
  };
}

function integersOfStream(
  file: Safetensors,
  name: string,
  { count, grid, bits }: { readonly count: number; readonly grid: Grid; readonly bits: number },
): Int32Array {
  const stream = file.tensors.get(name)?.data;
  if (!(stream instanceof Uint8Array) || stream.length !== streamBytes(count, bits)) {
    throw new Error(`${name}: is no stream of ${count} integers of ${bits} bits`);
  }
  return unpackIntegers(stream, count, grid, bits);
}

/** Weights of 0 bits, from a quantizer of integers: one for each channel. */
function ones(count: number, name: string): Int32Array {
  return new Int32Array(integer(count, `integers of ${name}`, 1, 2 ** 16)).fill(1);
}

function shiftsOf(file: Safetensors, layer: string, length: number): Uint8Array {
  return Uint8Array.from(numbersOf(file, `${layer}:shifts`, length), (shift) =>
    integer(shift, `${layer}:shifts`, 0, 62),
  );
}

/** A vector of the file, of `length` numbers if given. */
function numbersOf(file: Safetensors, name: string, length?: number): number[] {
  return Array.from(bigsOf(file, name, length), Number);
}

function bigsOf(file: Safetensors, name: string, length?: number): BigInt64Array {
  const values = file.tensors.get(name)?.data;
  if (!values || (length !== undefined && values.length !== length)) {
    throw new Error(
      `${name} has ${values?.length ?? 'no'} numbers${length === undefined ? '' : ` instead of ${length}`}`,
    );
  }
  return BigInt64Array.from(Array.from(values as Iterable<number | bigint>, BigInt));
}
