/**
 * Interpreter of the integer network, image by image in plain numbers: slow, short, and the reference for every other
 * form. All sums of products fit 32 bits, as lowering has proven; if M·a + b exceeds the integers that a double holds,
 * it is computed with big integers.
 */

import {
  type ArrangeLayer,
  type ClassifierLayer,
  type ConvolutionLayer,
  type ConvolvingLayer,
  type InnerLayer,
  type InputLayer,
  type IntegerNetwork,
  type IntegerTensor,
  leastOf,
  type MaxPoolLayer,
  magnitudeOf,
  type Product,
  reachedOf,
  type SubsampleLayer,
  type SumPoolLayer,
} from './integerNetwork.js';

/** Integers by tensor name. */
export type Tensors = ReadonlyMap<string, Int32Array>;

/**
 * The logits of one image, in units of the last layer.
 *
 * @param image bytes [H, W, C]
 * @param visit called with every tensor that a layer writes
 */
export function runIntegers(
  network: IntegerNetwork,
  image: Uint8Array,
  visit?: (tensor: IntegerTensor, values: Int32Array) => void,
): Float64Array {
  const tensors = new Map<string, Int32Array>();
  for (const layer of network.layers) {
    if (layer.op === 'classifier') return classifyIntegers(layer, valuesOf(layer.input, tensors));
    if (layer.op === 'outputs') return requantized(layer, accumulatorsOf(layer, tensors), addendOf(layer, tensors));
    const values = runLayer(layer, image, tensors);
    tensors.set(layer.output.name, values);
    visit?.(layer.output, values);
  }
  throw new Error('the network has no outputs');
}

/** The index of the largest logit; of equal ones the first. */
export function predictionOf(logits: ArrayLike<number>): number {
  return predictionsOf(logits, logits.length)[0]!;
}

/** The class of every pixel, for logits [..., classes]. */
export function predictionsOf(logits: ArrayLike<number>, classes: number): Int32Array {
  return Int32Array.from({ length: logits.length / classes }, (_, pixel) => {
    const first = pixel * classes;
    let best = 0;
    for (let o = 1; o < classes; o++) if (logits[first + o]! > logits[first + best]!) best = o;
    return best;
  });
}

/** Computes the output of a layer. */
function runLayer(layer: InnerLayer, image: Uint8Array, tensors: Tensors): Int32Array {
  switch (layer.op) {
    case 'input':
      return inputOf(layer, image);
    case 'convolution':
      return convolve(layer, tensors);
    case 'maxPool':
      return maxPool(layer, valuesOf(layer.input, tensors));
    case 'arrange':
      return arrange(
        layer,
        layer.inputs.map((input) => valuesOf(input, tensors)),
      );
    case 'subsample':
      return subsample(layer, valuesOf(layer.input, tensors));
    case 'sumPool':
      return sumPool(layer, valuesOf(layer.input, tensors));
    default:
      return layer satisfies never;
  }
}

function valuesOf({ name }: IntegerTensor, tensors: Tensors): Int32Array {
  const values = tensors.get(name);
  if (!values) throw new Error(`${name} is read before it is written`);
  return values;
}

function inputOf({ scale, offsets }: InputLayer, image: Uint8Array): Int32Array {
  return Int32Array.from(image, (byte, index) => scale * byte - offsets[index % offsets.length]!);
}

function convolve(layer: ConvolutionLayer, tensors: Tensors): Int32Array {
  return Int32Array.from(requantized(layer, accumulatorsOf(layer, tensors), addendOf(layer, tensors)));
}

/** Accumulators of a layer, one tensor [H', W', O] for each product. */
function accumulatorsOf({ products, output }: ConvolvingLayer, tensors: Tensors): Int32Array[] {
  return products.map((product) => {
    const weights = product.factor ? valuesOf(product.factor, tensors) : product.weights.values;
    return accumulate(product, valuesOf(product.input, tensors), weights, output.shape);
  });
}

function addendOf({ addend }: ConvolvingLayer, tensors: Tensors): Int32Array | null {
  return addend && valuesOf(addend, tensors);
}

/** Accumulators of all output elements, [H', W', O]. */
function accumulate(
  { input, weights: { shape }, depthwise, groups, window }: Product,
  x: Int32Array,
  w: Int32Array,
  outputShape: readonly number[],
): Int32Array {
  const [height, width, inputs] = input.shape as [number, number, number];
  const [outHeight, outWidth, outputs] = outputShape as [number, number, number];
  const [rows, columns] = shape as [number, number];
  const y = new Int32Array(outHeight * outWidth * outputs);
  for (let oy = 0; oy < outHeight; oy++) {
    for (let ox = 0; ox < outWidth; ox++) {
      const to = (oy * outWidth + ox) * outputs;
      for (let row = 0; row < rows; row++) {
        const iy = oy * window.rows.stride - window.rows.before + row * window.rows.dilation;
        if (iy < 0 || iy >= height) continue;
        for (let column = 0; column < columns; column++) {
          const ix = ox * window.columns.stride - window.columns.before + column * window.columns.dilation;
          if (ix < 0 || ix >= width) continue;
          const from = (iy * width + ix) * inputs;
          const tap = row * columns + column;
          if (depthwise) addDepthwise(y, to, x, from, w, tap * outputs, outputs);
          else if (groups > 1) addGrouped(y, to, x, from, w, tap * (inputs / groups), inputs / groups, outputs, groups);
          else addFull(y, to, x, from, w, tap * inputs * outputs, inputs, outputs);
        }
      }
    }
  }
  return y;
}

function addFull(
  y: Int32Array,
  to: number,
  x: Int32Array,
  from: number,
  w: Int32Array,
  tap: number,
  inputs: number,
  outputs: number,
): void {
  for (let i = 0; i < inputs; i++) {
    const value = x[from + i]!;
    if (value === 0) continue;
    const row = tap + i * outputs;
    for (let o = 0; o < outputs; o++) y[to + o]! += Math.imul(value, w[row + o]!);
  }
}

/** @param line index of the tap's first line among the weights' lines of outputs */
function addGrouped(
  y: Int32Array,
  to: number,
  x: Int32Array,
  from: number,
  w: Int32Array,
  line: number,
  inputs: number,
  outputs: number,
  groups: number,
): void {
  for (let o = 0; o < outputs; o++) {
    const first = from + Math.floor((o * groups) / outputs) * inputs;
    for (let i = 0; i < inputs; i++) y[to + o]! += Math.imul(x[first + i]!, w[(line + i) * outputs + o]!);
  }
}

function addDepthwise(
  y: Int32Array,
  to: number,
  x: Int32Array,
  from: number,
  w: Int32Array,
  tap: number,
  channels: number,
): void {
  for (let c = 0; c < channels; c++) y[to + c]! += Math.imul(x[from + c]!, w[tap + c]!);
}

/** The output from accumulators [H', W', O] and the addend. */
export function requantized(
  layer: ConvolvingLayer,
  accumulators: readonly Int32Array[],
  addend: Int32Array | null,
): Float64Array {
  const channels = layer.output.shape[2]!;
  const ofChannel = Array.from({ length: channels }, (_, channel) => channelFunction(layer, channel));
  const y = new Float64Array(accumulators[0]!.length);
  const sums = accumulators.map(() => 0);
  for (let index = 0; index < y.length; index++) {
    for (let term = 0; term < sums.length; term++) sums[term] = accumulators[term]![index]!;
    y[index] = ofChannel[index % channels]!(sums, addend ? addend[index]! : 0);
  }
  return y;
}

type ChannelFunction = (accumulators: readonly number[], addend: number) => number;

/** The function from a channel's accumulators and addend to its output. */
export function channelFunction(layer: ConvolvingLayer, channel: number): ChannelFunction {
  return isExactInDoubles(layer, channel) ? doubleFunction(layer, channel) : bigFunction(layer, channel);
}

/** Tells whether every M·a + b, including the addend if it is added before the shift, is below 2^53 in magnitude. */
export function isExactInDoubles({ products, requantization, addend }: ConvolvingLayer, channel: number): boolean {
  const { multipliers, biases, shifts, addendShift, table } = requantization;
  let largest = Math.abs(Number(biases[channel]!));
  for (const [index, { lo, hi }] of products.entries()) {
    largest += Math.abs(multipliers[index]![channel]!) * Math.max(-lo[channel]!, hi[channel]!);
  }
  if (table && addend) largest += 2 ** (addendShift + shifts[channel]!) * magnitudeOf(addend);
  return largest < 2 ** 53;
}

function doubleFunction({ requantization, output }: ConvolvingLayer, channel: number): ChannelFunction {
  const { multipliers, shifts, addendShift, outputShift, table } = requantization;
  const [m0, m1] = multipliers.map((ofProduct) => ofProduct[channel]!) as [number, number?];
  const bias = Number(requantization.biases[channel]!);
  const sum = (accumulators: readonly number[]) =>
    m0 * accumulators[0]! + (m1 === undefined ? 0 : m1 * accumulators[1]!) + bias;
  const unit = 2 ** shifts[channel]!;
  const [addendUnit, outputUnit] = [2 ** addendShift, 2 ** outputShift];
  const { grid } = output;
  if (!table) {
    const [lo, hi] = [leastOf(grid), grid.hi];
    return (accumulators, addend) => {
      const shifted = Math.floor(sum(accumulators) / unit) + addend * addendUnit;
      return Math.min(Math.max(Math.floor(shifted / outputUnit), lo), hi);
    };
  }
  const { values } = table;
  const bounds = Array.from(table.thresholds, Number);
  return (accumulators, addend) => {
    const t = sum(accumulators) + addend * addendUnit * unit;
    return values[reachedOf(bounds, t)]!;
  };
}

function bigFunction({ requantization, output }: ConvolvingLayer, channel: number): ChannelFunction {
  const { multipliers, biases, shifts, addendShift, outputShift, table } = requantization;
  const factors = multipliers.map((ofProduct) => BigInt(ofProduct[channel]!));
  const sum = (accumulators: readonly number[]) =>
    factors.reduce((total, factor, index) => total + factor * BigInt(accumulators[index]!), biases[channel]!);
  const shift = BigInt(shifts[channel]!);
  const { grid } = output;
  if (!table) {
    const [lo, hi] = [leastOf(grid), grid.hi];
    return (accumulators, addend) => {
      const shifted = (sum(accumulators) >> shift) + (BigInt(addend) << BigInt(addendShift));
      return Math.min(Math.max(Number(shifted >> BigInt(outputShift)), lo), hi);
    };
  }
  const { thresholds, values } = table;
  return (accumulators, addend) => {
    const t = sum(accumulators) + (BigInt(addend) << (BigInt(addendShift) + shift));
    return values[reachedOf(thresholds, t)]!;
  };
}

function maxPool({ window: { rows, columns }, input, output }: MaxPoolLayer, x: Int32Array): Int32Array {
  const [height, width, channels] = input.shape as [number, number, number];
  const [outHeight, outWidth] = output.shape as [number, number];
  const y = new Int32Array(outHeight * outWidth * channels).fill(-(2 ** 31));
  for (let oy = 0; oy < outHeight; oy++) {
    for (let ox = 0; ox < outWidth; ox++) {
      const to = (oy * outWidth + ox) * channels;
      for (let tap = 0; tap < rows.size * columns.size; tap++) {
        const iy = oy * rows.stride - rows.before + Math.floor(tap / columns.size) * rows.dilation;
        const ix = ox * columns.stride - columns.before + (tap % columns.size) * columns.dilation;
        if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
        const from = (iy * width + ix) * channels;
        for (let c = 0; c < channels; c++) y[to + c] = Math.max(y[to + c]!, x[from + c]!);
      }
    }
  }
  return y;
}

function arrange({ inputs, shifts, sources, output }: ArrangeLayer, values: readonly Int32Array[]): Int32Array {
  const channels = sources.length;
  const y = new Int32Array(output.shape[0]! * output.shape[1]! * channels);
  for (let i = 0; i < y.length; i++) {
    const { input, channel } = sources[i % channels]!;
    y[i] = values[input]![Math.floor(i / channels) * inputs[input]!.shape[2]! + channel]! * 2 ** shifts[input]!;
  }
  return y;
}

/** Every `stride`-th pixel, with zero channels behind. */
export function subsample({ stride, input, output }: SubsampleLayer, x: Int32Array): Int32Array {
  const [, width, inputs] = input.shape as [number, number, number];
  const [outHeight, outWidth, outputs] = output.shape as [number, number, number];
  const y = new Int32Array(outHeight * outWidth * outputs);
  for (let oy = 0; oy < outHeight; oy++) {
    for (let ox = 0; ox < outWidth; ox++) {
      const from = (oy * stride * width + ox * stride) * inputs;
      y.set(x.subarray(from, from + inputs), (oy * outWidth + ox) * outputs);
    }
  }
  return y;
}

/** The sum over all pixels for each channel. */
export function sumPool({ output }: SumPoolLayer, x: Int32Array): Int32Array {
  const channels = output.shape[0]!;
  const y = new Int32Array(channels);
  for (let i = 0; i < x.length; i++) y[i % channels]! += x[i]!;
  return y;
}

/** The logits, in units of the classifier's, from the integers of its input. */
export function classifyIntegers(layer: ClassifierLayer, x: Int32Array): Float64Array {
  const { weights, bias, shifts, biasFactor, biasShift } = layer;
  const [inputs, outputs] = weights.shape as [number, number];
  return Float64Array.from({ length: outputs }, (_, o) => {
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += x[i]! * weights.values[i * outputs + o]!;
    return sum * 2 ** shifts[o]! + bias.values[o]! * biasFactor * 2 ** biasShift;
  });
}
