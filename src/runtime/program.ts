/**
 * A network in the memory of its kernels: weights in the kernels' layout, arguments written once, and the list of calls
 * for an image.
 */

import { extentOf } from '../ops/window.js';
import type {
  ArrangeLayer,
  ConvolutionLayer,
  ConvolvingLayer,
  InputLayer,
  IntegerNetwork,
  IntegerTensor,
  MaxPoolLayer,
  OutputLayer,
  Product,
} from '../ship/integerNetwork.js';
import { inputOf, leastOf, magnitudeOf, storedSource } from '../ship/integerNetwork.js';
import { isExactInDoubles, requantized, subsample } from '../ship/interpreter.js';
import { convolutionForms, instantiate, type KernelKind, type Kernels } from './kernelModule.js';
import { createAllocator, type Place, placeTensors } from './placement.js';

export interface RuntimeProgram {
  /** The integers of a tensor after a run, without its border. */
  read(tensor: IntegerTensor): Int32Array;
  /**
   * Computes all stored tensors of an image, bytes [H, W, C]. Returns the logits if a convolution gives them, else
   * null.
   */
  run(image: Uint8Array): Float64Array | null;
}

/** Writes to the memory once it is allocated. */
type Fill = (memory: ArrayBuffer) => void;
type Call = (kernels: Kernels) => void;

export function loadProgram(network: IntegerNetwork, kind: KernelKind): RuntimeProgram {
  const allocator = createAllocator();
  const places = placeTensors(network, kind, allocator);
  const builder = new ProgramBuilder(network, places, allocator.allocate);
  for (const layer of network.layers) {
    if (layer.op === 'convolution') builder.convolution(layer);
    if (layer.op === 'maxPool') builder.maxPool(layer);
    if (layer.op === 'arrange') builder.arrange(layer);
    if (layer.op === 'outputs') builder.outputs(layer);
  }
  const memory = new WebAssembly.Memory({ initial: Math.ceil(allocator.bytes / 65536) });
  const kernels = instantiate(kind, memory);
  for (const fill of builder.fills) fill(memory.buffer);
  const input = inputOf(network);
  return {
    read: (tensor) => readTensor(memory.buffer, placeOf(places, tensor), tensor.shape),
    run: (image) => {
      writeImage(memory.buffer, placeOf(places, input.output), input, image);
      for (const call of builder.calls) call(kernels);
      return builder.logits?.(memory.buffer) ?? null;
    },
  };
}

class ProgramBuilder {
  readonly fills: Fill[] = [];
  readonly calls: Call[] = [];
  /** Reads the logits after the calls. */
  logits: ((memory: ArrayBuffer) => Float64Array) | null = null;

  constructor(
    readonly network: IntegerNetwork,
    readonly places: ReadonlyMap<string, Place>,
    readonly allocate: (bytes: number) => number,
  ) {}

  convolution(layer: ConvolutionLayer): void {
    const { blocks, sums, rows } = this.#products(layer);
    const requantize = this.#requantization(layer, sums, blocks);
    const height = layer.output.shape[0]!;
    this.calls.push((kernels) => {
      for (let row = 0; row < height; row++) {
        for (const accumulate of rows) accumulate(kernels, row);
        requantize(kernels, row);
      }
    });
  }

  /** Reads sums from the memory row by row and computes logits in plain numbers. */
  outputs(layer: OutputLayer): void {
    const [height, width, channels] = layer.output.shape as [number, number, number];
    const { blocks, sums, rows } = this.#products(layer);
    const accumulators = sums.map(() => new Int32Array(height * width * channels));
    let views: readonly Int32Array[] = [];
    this.fills.push((memory) => {
      views = sums.map((at) => new Int32Array(memory, at, width * blocks * 8));
    });
    this.calls.push((kernels) => {
      for (let pixel = 0; pixel < height * width; pixel++) {
        const [y, x] = [Math.floor(pixel / width), pixel % width];
        for (const [index, accumulate] of rows.entries()) {
          if (x === 0) accumulate(kernels, y);
          const from = x * blocks * 8;
          accumulators[index]!.set(views[index]!.subarray(from, from + channels), pixel * channels);
        }
      }
    });
    this.logits = (memory) => requantized(layer, accumulators, layer.addend && this.#read(memory, layer.addend));
  }

  /** The integers of a tensor; for a subsampled one those of its source. */
  #read(memory: ArrayBuffer, tensor: IntegerTensor): Int32Array {
    const layer = this.network.layers.find((each) => each.op === 'subsample' && each.output.name === tensor.name);
    if (layer?.op === 'subsample') return subsample(layer, this.#read(memory, layer.input));
    return readTensor(memory, placeOf(this.places, tensor), tensor.shape);
  }

  /**
   * A place for a row of the sums of each product, blocks of eight outputs for each pixel, and a function that computes the
   * row.
   */
  #products({ products, output }: ConvolvingLayer) {
    const [, width, channels] = output.shape as [number, number, number];
    const blocks = Math.ceil(channels / 8);
    const sums = products.map(() => this.allocate(Math.ceil(width / 4) * 4 * blocks * 32));
    const rows = products.map((product, index) =>
      this.#product(undilated(ungrouped(product)), width, blocks, sums[index]!),
    );
    return { blocks, sums, rows };
  }

  maxPool({ window: { rows, columns }, input, output }: MaxPoolLayer): void {
    const [from, to] = [placeOf(this.places, input), placeOf(this.places, output)];
    const [height, width, channels] = input.shape as [number, number, number];
    const [outHeight, outWidth] = output.shape as [number, number];
    this.calls.push((kernels) =>
      kernels.maxPool(
        ...([from.at, from.row, height, width, channels, from.bytes] as const),
        ...([rows.size, rows.stride, rows.before, rows.dilation] as const),
        ...([columns.size, columns.stride, columns.before, columns.dilation] as const),
        ...([to.at, to.row, outHeight, outWidth, to.bytes] as const),
      ),
    );
  }

  arrange({ inputs, shifts, sources, output }: ArrangeLayer): void {
    const to = placeOf(this.places, output);
    const [height, width] = output.shape as [number, number];
    const moves = sources.map(({ input, channel }, index) => {
      const from = placeOf(this.places, inputs[input]!);
      return [
        ...([from.at + channel * from.bytes, from.row, from.channels * from.bytes, from.bytes] as const),
        ...([to.at + index * to.bytes, to.row, to.channels * to.bytes, to.bytes] as const),
        ...([height, width, shifts[input]!] as const),
      ] as const;
    });
    this.calls.push((kernels) => {
      for (const move of moves) kernels.moveChannel(...move);
    });
  }

  /** Lays out a product's weights and arguments. Returns a function that computes a row of its sums. */
  #product(product: Product, width: number, blocks: number, sums: number): (kernels: Kernels, row: number) => void {
    const { input, weights, factor, depthwise, window } = product;
    const place = placeOf(this.places, input);
    const [rows, columns] = weights.shape as [number, number];
    // A tensor is stored in 32 bits if one of its readers needs that; the other readers then use that too.
    const wide = place.bytes === 4;
    const elements = place.bytes === 1 ? 4 : 2;
    const steps = depthwise || wide ? columns : Math.ceil((columns * place.channels) / elements);
    const laidOut =
      wide || depthwise ? plainWeights(product, blocks, wide) : blockedWeights(product, blocks, steps, elements);
    const weightsAt = this.#bytes(laidOut);
    if (factor) this.#copyFactor(factor, weightsAt, laidOut.BYTES_PER_ELEMENT);
    const at = this.#words([
      place.at - window.rows.before * place.row - window.columns.before * place.channels * place.bytes,
      place.row,
      window.columns.stride * place.channels * place.bytes,
      ...[rows, steps, weightsAt, blocks, sums, width],
      window.rows.stride * place.row,
      place.channels,
    ]);
    if (wide) return (kernels, row) => kernels.wideRow(at, row, depthwise);
    if (depthwise) return (kernels, row) => kernels.depthwiseRow(at, row);
    const form = place.bytes === 1 ? (fitsWords(product) ? 'bytesInWords' : 'bytes') : 'words';
    return (kernels, row) => kernels.convolveRow(at, row, convolutionForms[form]);
  }

  /** Copies the numbers of a tensor of one pixel to the weights of a depthwise product, for each image. */
  #copyFactor(factor: IntegerTensor, to: number, toBytes: number): void {
    const { at, bytes, channels } = placeOf(this.places, factor);
    this.calls.push((kernels) => kernels.moveChannel(at, 0, bytes, bytes, to, 0, toBytes, toBytes, 1, channels, 0));
  }

  /** Writes a requantization's arguments. Returns a function that turns rows of sums into a row of the output. */
  #requantization(
    layer: ConvolutionLayer,
    [first, second = 0]: readonly number[],
    blocks: number,
  ): (kernels: Kernels, row: number) => void {
    const { output, requantization, addend } = layer;
    const { multipliers, biases, shifts, addendShift, outputShift, table } = requantization;
    const [, width, channels] = output.shape as [number, number, number];
    const place = placeOf(this.places, output);
    const ofChannel = Array.from({ length: channels }, (_, channel) => channel);
    const isDouble =
      !table && multipliers.length === 1 && fitsClip(layer) && ofChannel.every((c) => isExactInDoubles(layer, c));
    const long = (values: ArrayLike<number> | BigInt64Array) =>
      this.#bytes(BigInt64Array.from(Array.from(values as ArrayLike<number>, BigInt)));
    const exact = isDouble
      ? [this.#bytes(factorsOf(layer)), 0, 0, 0, 0, 0, 0, 0]
      : [
          ...[0, long(multipliers[0]!), multipliers[1] ? long(multipliers[1]) : 0, long(biases)],
          this.#bytes(Int32Array.from(shifts)),
          ...(table ? [long(table.thresholds), table.thresholds.length, this.#bytes(table.values)] : [0, 0, 0]),
        ];
    const at = this.#words([
      ...[first!, second, blocks * 8, channels, width, place.at, place.row, place.bytes],
      ...this.#addendWords(addend),
      ...[addendShift, outputShift, leastOf(output.grid), output.grid.hi],
      ...exact,
    ]);
    if (isDouble) return (kernels, row) => kernels.requantizeRow(at, row);
    return (kernels, row) => kernels.requantizeWideRow(at, row);
  }

  /** Place, row, pixel, bytes and channels of an addend; a subsampled one is read from its source. */
  #addendWords(addend: IntegerTensor | null): number[] {
    if (!addend) return [0, 0, 0, 0, 0];
    const { source, stride } = storedSource(this.network, addend);
    const { at, row, bytes, channels } = placeOf(this.places, source);
    return [at, stride * row, stride * channels * bytes, bytes, channels];
  }

  #words(words: readonly number[]): number {
    return this.#bytes(Int32Array.from(words));
  }

  /** A place that holds these values from the start. */
  #bytes(values: Int8Array | Int16Array | Int32Array | BigInt64Array | Float64Array): number {
    const at = this.allocate(values.byteLength);
    this.fills.push((memory) => new Uint8Array(memory).set(new Uint8Array(values.buffer), at));
    return at;
  }
}

/** The product as one of a single group, with zeros as weights of other groups' inputs. */
function ungrouped(product: Product): Product {
  const { input, weights, groups } = product;
  if (groups === 1) return product;
  const [rows, columns, seen, outputs] = weights.shape as [number, number, number, number];
  const inputs = input.shape[2]!;
  const values = new Int32Array(rows * columns * inputs * outputs);
  weights.values.forEach((value, index) => {
    const [line, o] = [Math.floor(index / outputs), index % outputs];
    const first = Math.floor((o * groups) / outputs) * seen;
    values[(Math.floor(line / seen) * inputs + first + (line % seen)) * outputs + o] = value;
  });
  return { ...product, groups: 1, weights: { ...weights, shape: [rows, columns, inputs, outputs], values } };
}

/** The product without dilation, with zeros as weights between the taps. */
function undilated(product: Product): Product {
  const { weights, window } = product;
  const [down, across] = [window.rows.dilation, window.columns.dilation];
  if (down === 1 && across === 1) return product;
  const [rows, columns, ...others] = weights.shape as [number, number, ...number[]];
  const [height, width] = [extentOf(rows, down), extentOf(columns, across)];
  const size = weights.values.length / (rows * columns);
  const values = new Int32Array(height * width * size);
  for (let tap = 0; tap < rows * columns; tap++) {
    const to = Math.floor(tap / columns) * down * width + (tap % columns) * across;
    values.set(weights.values.subarray(tap * size, (tap + 1) * size), to * size);
  }
  const near = { rows: { ...window.rows, dilation: 1 }, columns: { ...window.columns, dilation: 1 } };
  return { ...product, window: near, weights: { ...weights, shape: [height, width, ...others], values } };
}

/** Weights as [block][row][step][8 outputs][elements of a step], with zeros for missing outputs and elements. */
function blockedWeights({ weights }: Product, blocks: number, steps: number, elements: number): Int8Array | Int16Array {
  const [rows, columns, inputs, outputs] = weights.shape as [number, number, number, number];
  const length = columns * inputs;
  const values = new (elements === 4 ? Int8Array : Int16Array)(blocks * rows * steps * 8 * elements);
  let to = 0;
  for (let block = 0; block < blocks; block++) {
    for (let row = 0; row < rows; row++) {
      for (let step = 0; step < steps; step++) {
        for (let o = block * 8; o < block * 8 + 8; o++) {
          for (let element = step * elements; element < (step + 1) * elements; element++, to++) {
            if (o < outputs && element < length) values[to] = weights.values[(row * length + element) * outputs + o]!;
          }
        }
      }
    }
  }
  return values;
}

/**
 * Tells whether 16 bits hold both sums of an output of bytes: of the first two and of the last two of every four
 * inputs.
 */
function fitsWords({ input, weights }: Product): boolean {
  const [, columns, inputs, outputs] = weights.shape as [number, number, number, number];
  const length = columns * inputs;
  const sums = new Float64Array(2 * outputs);
  weights.values.forEach((value, index) => {
    const half = (Math.floor(index / outputs) % length) % 4 < 2 ? 0 : outputs;
    sums[half + (index % outputs)]! += Math.abs(value) * input.grid.hi;
  });
  return sums.every((sum) => sum <= 32767);
}

/**
 * Weights as [tap][in][outputs rounded up to 8] in 32 bits, or [tap][outputs rounded up to 8] in 16 if depthwise and
 * not wide.
 */
function plainWeights({ weights, depthwise }: Product, blocks: number, wide: boolean): Int16Array | Int32Array {
  const outputs = weights.shape.at(-1)!;
  const lines = weights.values.length / outputs;
  const values = new (wide || !depthwise ? Int32Array : Int16Array)(lines * blocks * 8);
  for (let line = 0; line < lines; line++) {
    for (let o = 0; o < outputs; o++) values[line * blocks * 8 + o] = weights.values[line * outputs + o]!;
  }
  return values;
}

/**
 * Tells whether 2^29 is no less than what is added to a sum, and than every output before its last shift: the kernel of
 * doubles clips sums at ±2^30 before it adds.
 */
function fitsClip({ output, addend, requantization: { addendShift, outputShift } }: ConvolutionLayer): boolean {
  const added = addend ? magnitudeOf(addend) * 2 ** addendShift : 0;
  return Math.max(added, (magnitudeOf(output) + 1) * 2 ** outputShift) <= 2 ** 29;
}

/** For every four outputs M/2ⁿ of two, b/2ⁿ of two, and the same of the others; then pairs for the rest. */
function factorsOf({ requantization, output }: ConvolutionLayer): Float64Array {
  const { multipliers, biases, shifts } = requantization;
  const channels = output.shape[2]!;
  const slope = (c: number) => multipliers[0]![c]! / 2 ** shifts[c]!;
  const offset = (c: number) => Number(biases[c]!) / 2 ** shifts[c]!;
  const whole = channels - (channels % 4);
  const factors: number[] = [];
  for (let c = 0; c < whole; c += 2) factors.push(slope(c), slope(c + 1), offset(c), offset(c + 1));
  for (let c = whole; c < channels; c++) factors.push(slope(c), offset(c));
  return Float64Array.from(factors);
}

function placeOf(places: ReadonlyMap<string, Place>, { name }: IntegerTensor): Place {
  const place = places.get(name);
  if (!place) throw new Error(`${name} has no place`);
  return place;
}

function writeImage(
  memory: ArrayBuffer,
  place: Place,
  { scale, offsets, output }: InputLayer,
  image: Uint8Array,
): void {
  const [height, width, channels] = output.shape as [number, number, number];
  const count = width * channels;
  for (let y = 0; y < height; y++) {
    const row = elementsAt(memory, place.at + y * place.row, count, place.bytes);
    for (let i = 0; i < count; i++) row[i] = scale * image[y * count + i]! - offsets[i % channels]!;
  }
}

function readTensor(memory: ArrayBuffer, place: Place, shape: readonly number[]): Int32Array {
  const [height, width, channels] = shape as [number, number, number];
  const count = width * channels;
  const values = new Int32Array(height * count);
  for (let y = 0; y < height; y++) {
    values.set(elementsAt(memory, place.at + y * place.row, count, place.bytes), y * count);
  }
  return values;
}

function elementsAt(
  memory: ArrayBuffer,
  at: number,
  count: number,
  bytes: Place['bytes'],
): Uint8Array | Int16Array | Int32Array {
  switch (bytes) {
    case 1:
      return new Uint8Array(memory, at, count);
    case 2:
      return new Int16Array(memory, at, count);
    case 4:
      return new Int32Array(memory, at, count);
    default:
      return bytes satisfies never;
  }
}
