/**
 * Reading a packed file: layers from the description in its metadata, whose vectors and weights are its tensors. All is
 * checked, down to the bounds of every sum, since a file may come from anywhere.
 */

import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';
import type { AxisWindow, SizedWindow, Window } from '../ops/window.js';
import { classification, lossKinds } from '../task.js';
import { decodeSafetensors, type Safetensors } from '../weights/safetensors.js';
import { streamBytes, unpackIntegers } from './bitStream.js';
import { boundedClassifier, boundedOutputs, boundedProduct } from './bounds.js';
import {
  type ArrangeLayer,
  type ClassifierLayer,
  type ConvolutionLayer,
  type Grid,
  type InputLayer,
  type InputQuantization,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  integersOf,
  largestShift,
  type OutputLayer,
  type OutputTable,
  type Product,
  type Proof,
  type Requantization,
} from './integerNetwork.js';
import { array, choice, integer, number, record, sizes, text } from './json.js';
import { checksum, packedFormat, packedVersion } from './packedFile.js';
import { checkNetwork, mostTaps } from './soundness.js';

/** The most characters of an error, since a file's names may be of any length. */
const longestFault = 300;

/**
 * The network of a packed file called `source`.
 *
 * @throws InputError if it is damaged, no packed file, or of another version
 */
export function unpackNetwork(bytes: Uint8Array | ArrayBuffer, source: string): IntegerNetwork {
  const file = decodeSafetensors(bytes, source);
  const { format, version, network, crc32: written, ...others } = file.metadata;
  if (format !== packedFormat)
    throw new InputError(`${source}: no packed network, its format is ${format ?? 'not named'}`);
  if (version !== packedVersion) {
    throw new InputError(
      `${source}: has version ${version}, this program reads version ${packedVersion}; export it anew`,
    );
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

function networkOf(json: unknown, file: Safetensors): IntegerNetwork {
  const root = record(json, 'network');
  const tensors = new Map(array(root.tensors, 'tensors', tensorOf).map((tensor) => [tensor.name, tensor] as const));
  const layers = array(root.layers, 'layers', (layer) => layerOf(layer, tensors, file));
  const classes = array(root.classes, 'classes', (name) => text(name, 'class'));
  const columns =
    root.columns === undefined ? undefined : array(root.columns, 'columns', (name) => text(name, 'column'));
  // Files of older versions do not say it.
  const loss = root.loss === undefined ? classification.loss : choice(root.loss, 'loss', lossKinds);
  const network = { classes, columns, loss, layers };
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

/** A layer as the file describes it. */
interface Described {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly name: string;
  /** The tensor of a name in the description. */
  tensor(named: unknown): IntegerTensor;
  readonly file: Safetensors;
}

const operations = [
  ...(['input', 'convolution', 'maxPool', 'arrange', 'subsample', 'sumPool'] as const),
  ...(['classifier', 'outputs'] as const),
];

function layerOf(json: unknown, tensors: ReadonlyMap<string, IntegerTensor>, file: Safetensors): IntegerLayer {
  const fields = record(json, 'layer');
  const name = text(fields.name, 'name of a layer');
  const tensor = (named: unknown): IntegerTensor => {
    const found = tensors.get(text(named, `a tensor of ${name}`));
    if (!found) throw new Error(`${name} names a tensor ${named} that is not there`);
    return found;
  };
  const described = { fields, name, tensor, file };
  const op = choice(fields.op, `op of ${name}`, operations);
  switch (op) {
    case 'input':
      return inputOf(described);
    case 'convolution':
      return convolutionOf(described);
    case 'outputs':
      return outputLayerOf(described);
    case 'maxPool': {
      const window = sizedWindowOf(fields.window);
      return { op, name, window, input: tensor(fields.input), output: tensor(fields.output) };
    }
    case 'arrange':
      return arrangementOf(described);
    case 'subsample': {
      const stride = integer(fields.stride, 'stride', 1, mostTaps);
      return { op, name, stride, input: tensor(fields.input), output: tensor(fields.output) };
    }
    case 'sumPool':
      return { op, name, input: tensor(fields.input), output: tensor(fields.output) };
    case 'classifier':
      return classifierOf(described);
    default:
      return op satisfies never;
  }
}

function inputOf({ fields, name, tensor }: Described): InputLayer {
  return {
    ...{ op: 'input', name, output: tensor(fields.output) },
    scale: integer(fields.scale, 'scale', 1, 16),
    offsets: array(fields.offsets, 'offsets', (offset) => integer(offset, 'offset', -(2 ** 20), 2 ** 20)),
    quantization: fields.quantization === null ? null : quantizationOf(fields.quantization),
  };
}

function quantizationOf(json: unknown): InputQuantization {
  const { scale, offset, step, limit } = record(json, 'quantization');
  const channels = (values: unknown) => array(values, 'quantization', (each) => number(each, 'quantization'));
  return {
    ...{ scale: channels(scale), offset: channels(offset), step: number(step, 'step') },
    limit: integer(limit, 'limit', 1, 127),
  };
}

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

function sizedWindowOf(json: unknown): SizedWindow {
  const { rows, columns } = windowOf(json);
  const given = record(json, 'window');
  const sizeOf = (axis: unknown) => integer(record(axis, 'axis').size, 'size', 1, mostTaps);
  return { rows: { ...rows, size: sizeOf(given.rows) }, columns: { ...columns, size: sizeOf(given.columns) } };
}

function arrangementOf({ fields, name, tensor }: Described): ArrangeLayer {
  const inputs = array(fields.inputs, 'inputs', tensor);
  return {
    ...{ op: 'arrange', name, inputs, output: tensor(fields.output) },
    shifts: array(fields.shifts, 'shifts', (shift) => integer(shift, 'shift', 0, 8)),
    sources: array(fields.sources, 'sources', (json) => {
      const { input, channel } = record(json, 'source');
      return {
        input: integer(input, 'input', 0, inputs.length - 1),
        channel: integer(channel, 'channel', 0, 2 ** 16 - 1),
      };
    }),
  };
}

function classifierOf({ fields, name, tensor, file }: Described): ClassifierLayer {
  const weights = weightsOf(fields.weights, file);
  return boundedClassifier({
    ...{ op: 'classifier', name, input: tensor(fields.input), weights },
    bias: weightsOf(fields.bias, file),
    shifts: shiftsOf(file, name, weights.shape.at(-1)!),
    biasFactor: integer(fields.biasFactor, 'biasFactor', 1, 2 ** 20),
    biasShift: integer(fields.biasShift, 'biasShift', 0, 53),
    unit: number(fields.unit, 'unit'),
  });
}

function convolutionOf(described: Described): ConvolutionLayer {
  const { fields, name, tensor, file } = described;
  const output = tensor(fields.output);
  const channels = output.shape.at(-1)!;
  const products = productsOf(described, output.name, channels);
  return {
    ...{ op: 'convolution', name, products, output, proof: proofOf(fields.proof) },
    addend: fields.addend === null ? null : tensor(fields.addend),
    requantization: {
      ...requantizationOf(described, products.length, channels),
      table: fields.thresholds === true ? tableOf(file, name, output.grid) : null,
    },
  };
}

function outputLayerOf(described: Described): OutputLayer {
  const { fields, name, tensor } = described;
  const shape = sizes(fields.shape, 'shape of the outputs');
  const channels = shape.at(-1)!;
  const products = productsOf(described, name, channels);
  const requantization = { ...requantizationOf(described, products.length, channels), table: null };
  const addend = fields.addend === null ? null : tensor(fields.addend);
  const unbounded = { name, products, addend, requantization, proof: proofOf(fields.proof) };
  return boundedOutputs(unbounded, shape, number(fields.unit, 'unit'));
}

/** The products of a layer, all with `channels` outputs. */
function productsOf({ fields, tensor, file }: Described, reader: string, channels: number): Product[] {
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
  { fields, name, file }: Described,
  products: number,
  channels: number,
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
  const isWhole = grid.type === 'powers' && !file.tensors.has(`${layer}:values`);
  const values = isWhole ? integersOf(grid) : numbersOf(file, `${layer}:values`, thresholds.length + 1);
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
    integer(shift, `${layer}:shifts`, 0, largestShift),
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
