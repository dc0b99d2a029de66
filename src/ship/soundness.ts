/**
 * Checks that a network, lowered or read from a file, can run: every tensor is written before it is read, shapes fit
 * each other, numbers fit their grids and sums fit 32 bits. A network that passes neither crashes a runtime nor makes
 * it read or write outside of its tensors.
 */

import { elementCount } from '../elementCount.js';
import { sizedWindow, slidingWindow, type Window } from '../ops/window.js';
import {
  type ArrangeLayer,
  type ClassifierLayer,
  type ConvolutionLayer,
  type ConvolvingLayer,
  codeBits,
  type InputLayer,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  inputOf,
  integersOf,
  isLast,
  largestAddend,
  largestShift,
  largestStored,
  largestSum,
  largestTotal,
  leastOf,
  type MaxPoolLayer,
  magnitudeOf,
  type OutputLayer,
  outputsOf,
  type Product,
  type SubsampleLayer,
  type SumPoolLayer,
} from './integerNetwork.js';

/** The most integers of all tensors together: far more than in any network that a device runs. */
const mostIntegers = 2 ** 26;
const largestLong = 2 ** 63;
/** The most thresholds of a table: a function of 8 bits that falls and rises has fewer. */
const mostThresholds = 2 ** 10;

/** The most taps of a pool along an axis, and the largest stride, dilation and padding. */
export const mostTaps = 255;

/** @throws Error in words about the first layer that cannot run */
export function checkNetwork({ layers, classes, columns }: Omit<IntegerNetwork, 'loss'>): void {
  const written = new Map<string, IntegerLayer>();
  let integers = 0;
  demand(layers.length > 0, 'it has no layers');
  for (const [index, layer] of layers.entries()) {
    demand((layer.op === 'input') === (index === 0), `${layer.name}: an input stands first, and nowhere else`);
    const ends = index === layers.length - 1;
    demand(isLast(layer) === ends, `${layer.name}: what puts out logits stands last, and nowhere else`);
    checkLayer(layer, (tensor) => written.get(tensor.name));
    if (isLast(layer)) {
      const outputs = outputsOf({ layers });
      const names = classes.length;
      demand(names === 0 || names === outputs.classes, `${outputs.classes} logits for ${names} classes`);
      demand(elementCount(outputs.shape) <= mostIntegers, `${layer.name}: has more than ${mostIntegers} integers`);
      continue;
    }
    const { output } = layer;
    demand(!written.has(output.name), `${output.name}: is written twice`);
    written.set(output.name, layer);
    integers += elementCount(output.shape);
    demand(integers <= mostIntegers, `${output.name}: tensors have more than ${mostIntegers} integers`);
  }
  const channels = inputOf({ layers }).offsets.length;
  demand(!columns || columns.length === channels, `${channels} channels for ${columns?.length} columns`);
}

type WriterOf = (tensor: IntegerTensor) => IntegerLayer | undefined;

function checkLayer(layer: IntegerLayer, writerOf: WriterOf): void {
  switch (layer.op) {
    case 'input':
      checkInput(layer);
      break;
    case 'convolution':
      checkConvolution(layer, writerOf);
      break;
    case 'maxPool':
      checkMaxPool(layer, writerOf);
      break;
    case 'arrange':
      checkArrange(layer, writerOf);
      break;
    case 'subsample':
      checkSubsample(layer, writerOf);
      break;
    case 'sumPool':
      checkSumPool(layer, writerOf);
      break;
    case 'classifier':
      checkClassifier(layer, writerOf);
      break;
    case 'outputs':
      checkOutputs(layer, writerOf);
      break;
    default:
      layer satisfies never;
  }
}

function checkInput({ name, scale, offsets, quantization, output }: InputLayer): void {
  checkStored(output);
  if (quantization) {
    const lengths = [quantization.scale.length, quantization.offset.length];
    demand(same(lengths, [offsets.length, offsets.length]), `${name}: ${lengths} scales and offsets of its channels`);
    const { limit, step } = quantization;
    demand(step > 0, `${name}: its step is ${step}`);
    const areBytes = offsets.every((offset) => offset - limit >= 0 && offset + limit <= 255);
    demand(areBytes, `${name}: what becomes of inputs are no bytes`);
  }
  demand(offsets.length === output.shape[2], `${name}: ${offsets.length} offsets for ${output.shape[2]} channels`);
  const fits = offsets.every((offset) => -offset >= leastOf(output.grid) && 255 * scale - offset <= output.grid.hi);
  demand(fits && output.grid.type === 'uniform', `${name}: bytes of images leave the grid of ${output.name}`);
}

function checkConvolution(layer: ConvolutionLayer, writerOf: WriterOf): void {
  checkStored(layer.output);
  checkSums(layer, writerOf);
}

function checkOutputs(layer: OutputLayer, writerOf: WriterOf): void {
  const { name, output, requantization } = layer;
  const { shape, step } = output;
  demand(shape.length === 3, `${name}: have ${shape.length} axes`);
  checkSums(layer, writerOf);
  demand(step > 0, `${name}: their unit is ${step}`);
  const isWhole = requantization.outputShift === 0 && requantization.shifts.every((shift) => shift === 0);
  demand(isWhole, `${name}: are shifted`);
  demand(largestTotal(layer) <= Number.MAX_SAFE_INTEGER, `${name}: leave 53 bits`);
}

function checkSums(layer: ConvolvingLayer, writerOf: WriterOf): void {
  const { name, products, addend, output } = layer;
  demand(products.length === 1 || products.length === 2, `${name}: has ${products.length} products`);
  for (const product of products) checkProduct(product, output, writerOf);
  if (addend) {
    demand(writerOf(addend) !== undefined, `${name}: reads ${addend.name} before it is written`);
    demand(same(addend.shape, output.shape), `${name}: adds ${addend.name} of shape [${addend.shape}]`);
  }
  checkRequantization(layer);
}

function checkProduct(
  { input, weights, factor, depthwise, groups, window, lo, hi }: Product,
  output: IntegerTensor,
  writerOf: WriterOf,
): void {
  checkReads(output.name, input, writerOf);
  checkWeights(weights);
  const channels = output.shape[2]!;
  if (factor) {
    checkReads(output.name, factor, writerOf);
    const isPixel = depthwise && weights.bits === 0 && same(factor.shape, [1, 1, channels]);
    demand(isPixel && same(weights.shape, factor.shape), `${output.name}: ${factor.name} is no number a channel`);
  }
  const divides = input.shape[2]! % groups === 0 && channels % groups === 0 && (groups === 1 || !depthwise);
  demand(divides, `${weights.name}: ${groups} groups of ${input.shape[2]} and ${channels} channels`);
  const kernel = depthwise ? [input.shape[2]!] : [input.shape[2]! / groups, channels];
  demand(!depthwise || input.shape[2] === channels, `${output.name}: a depthwise product changes the channels`);
  demand(
    weights.shape.length === 2 + kernel.length && same(weights.shape.slice(2), kernel),
    `${weights.name}: shape [${weights.shape}] does not fit ${input.name} and ${output.name}`,
  );
  const [H, W, K, L] = [...input.shape.slice(0, 2), ...weights.shape.slice(0, 2)] as [number, number, number, number];
  demandWindow(weights.name, window, slidingWindow.check(window, { H, W, K, L }));
  const { Y, X } = slidingWindow.sizes({ H, W, K, L }, window);
  demand(
    same([Y, X], output.shape.slice(0, 2)),
    `${weights.name}: gives ${Y}×${X} pixels, not those of ${output.name}`,
  );
  demand(bordered(input, window) <= mostIntegers, `${weights.name}: its border has more than ${mostIntegers} integers`);
  demand(Math.max(...hi, ...lo.map((sum) => -sum)) <= largestSum, `${weights.name}: sums leave 32 bits`);
}

function checkRequantization({ name, products, requantization, addend, output }: ConvolvingLayer): void {
  const { multipliers, biases, shifts, addendShift, outputShift, table } = requantization;
  demand(
    outputShift <= 31 && shifts.every((shift) => shift <= largestShift),
    `${name}: shifts by more than ${largestShift}`,
  );
  const added = addend ? magnitudeOf(addend) * 2 ** addendShift : 0;
  demand(added <= largestAddend, `${name}: its addend leaves 31 bits`);
  for (const [channel, shift] of shifts.entries()) {
    const sums = products.map(({ lo, hi }, term) => {
      return Math.abs(multipliers[term]![channel]!) * Math.max(hi[channel]!, -lo[channel]!);
    });
    const total = sums.reduce((a, b) => a + b) + Math.abs(Number(biases[channel]!)) + (table ? added * 2 ** shift : 0);
    demand(total < largestLong, `${name}: channel ${channel} leaves 64 bits`);
  }
  demand(table !== null || output.grid.type === 'uniform', `${name}: powers of two need a table`);
  if (!table) return;
  const { thresholds, values } = table;
  const ascends = thresholds.every((bound, index) => index === 0 || bound >= thresholds[index - 1]!);
  const fits = ascends && thresholds.length <= mostThresholds && values.length === thresholds.length + 1;
  demand(fits, `${name}: its thresholds do not fit`);
  const integers = new Set(integersOf(output.grid));
  const areOn = values.every((value) => integers.has(value));
  demand(areOn, `${name}: its table holds a number outside of the grid of ${output.name}`);
  demand(
    shifts.every((shift) => shift === shifts[0]),
    `${name}: a table needs one shift for all channels`,
  );
}

function checkMaxPool({ name, window, input, output }: MaxPoolLayer, writerOf: WriterOf): void {
  checkReads(name, input, writerOf);
  checkStored(output);
  const [H, W, channels] = input.shape as [number, number, number];
  demandWindow(name, window, sizedWindow.check(window, { H, W }));
  const { Y, X } = sizedWindow.sizes({ H, W }, window);
  demand(same([Y, X, channels], output.shape), `${name}: gives ${Y}×${X} pixels, not those of ${output.name}`);
  checkSameGrid(name, input, output);
}

function checkArrange({ name, inputs, shifts, sources, output }: ArrangeLayer, writerOf: WriterOf): void {
  checkStored(output);
  demand(sources.length === output.shape[2] && shifts.length === inputs.length, `${name}: its lists do not fit`);
  for (const [index, input] of inputs.entries()) {
    checkReads(name, input, writerOf);
    demand(same(input.shape.slice(0, 2), output.shape.slice(0, 2)), `${name}: ${input.name} has other pixels`);
    if (input.grid.type === 'powers') {
      checkSameGrid(name, input, output);
      demand(shifts[index] === 0 && input.bits === output.bits, `${name}: powers of two stay as they are`);
    } else {
      const factor = 2 ** shifts[index]!;
      const fits = leastOf(input.grid) * factor >= leastOf(output.grid) && input.grid.hi * factor <= output.grid.hi;
      demand(fits && output.grid.type === 'uniform', `${name}: ${input.name} leaves the grid of ${output.name}`);
    }
  }
  const areThere = sources.every(({ input, channel }) => channel < (inputs[input]?.shape[2] ?? 0));
  demand(areThere, `${name}: names a channel that is not there`);
}

function checkSubsample({ name, stride, input, output }: SubsampleLayer, writerOf: WriterOf): void {
  checkReads(name, input, writerOf);
  checkStored(output);
  demand(stride <= mostTaps, `${name}: has the stride ${stride}, ${mostTaps} is the most`);
  const sizes = input.shape.slice(0, 2).map((side) => Math.ceil(side / stride));
  const fits = same(sizes, output.shape.slice(0, 2)) && output.shape[2]! >= input.shape[2]!;
  demand(fits, `${name}: [${output.shape}] is no subsampling of [${input.shape}]`);
  checkSameGrid(name, input, output);
}

function checkSumPool({ name, input, output }: SumPoolLayer, writerOf: WriterOf): void {
  checkReads(name, input, writerOf);
  const pixels = input.shape[0]! * input.shape[1]!;
  demand(same(output.shape, input.shape.slice(2)), `${name}: has other channels than ${input.name}`);
  demand(pixels * magnitudeOf(input) <= largestSum, `${name}: sums leave 32 bits`);
  const holds = output.grid.hi >= pixels * input.grid.hi && leastOf(output.grid) <= pixels * leastOf(input.grid);
  demand(holds, `${name}: sums leave the grid of ${output.name}`);
}

function checkClassifier(
  { name, input, weights, bias, shifts, biasFactor, biasShift, unit, sums, logits }: ClassifierLayer,
  writerOf: WriterOf,
): void {
  if (writerOf(input)?.op !== 'sumPool') checkReads(name, input, writerOf);
  checkWeights(weights);
  demand(
    weights.shape.length === 2 && weights.shape[0] === elementCount(input.shape),
    `${weights.name}: does not fit ${input.name}`,
  );
  checkWeights(bias);
  demand(same(bias.shape, weights.shape.slice(1)), `${bias.name}: has other outputs than ${weights.name}`);
  demand(biasFactor * 2 ** biasShift <= Number.MAX_SAFE_INTEGER, `${bias.name}: leaves 53 bits`);
  demand(unit > 0, `${name}: its unit is ${unit}`);
  demand(
    shifts.every((shift) => shift <= largestShift),
    `${name}: shifts by more than ${largestShift}`,
  );
  const largest = Math.max(sums.hi, -sums.lo, logits.hi, -logits.lo);
  demand(largest <= Number.MAX_SAFE_INTEGER, `${name}: logits leave 53 bits`);
}

/** Checks a tensor [H, W, C] that a runtime stores. */
function checkStored(tensor: IntegerTensor): void {
  demand(tensor.shape.length === 3, `${tensor.name}: has ${tensor.shape.length} axes`);
  demand(magnitudeOf(tensor) <= largestStored, `${tensor.name}: holds integers above ${largestStored}`);
}

function checkWeights({ name, values, grid, bits, shape, channelExponents }: IntegerWeights): void {
  demand(bits === 0 || codeBits(grid) <= bits, `${name}: its grid does not fit ${bits} bits`);
  const least = leastOf(grid);
  const isOn = (value: number) =>
    value >= least && value <= grid.hi && (grid.type === 'uniform' || isPower(value, grid.signed));
  demand(values.every(isOn), `${name}: holds a number outside of its grid`);
  demand(!channelExponents || channelExponents.length === shape.at(-1), `${name}: not an exponent a channel`);
}

function isPower(value: number, isSigned: boolean): boolean {
  const size = Math.abs(value);
  return size === 0 ? !isSigned : (size & (size - 1)) === 0;
}

/** Checks that a reader gets stored tensors; a subsampled one may only be an addend, read from its source. */
function checkReads(reader: string, tensor: IntegerTensor, writerOf: WriterOf): void {
  const op = writerOf(tensor)?.op;
  const isKept = op === 'input' || op === 'convolution' || op === 'maxPool' || op === 'arrange';
  demand(isKept, `${reader}: reads ${tensor.name}, which is not kept in memory`);
}

function checkSameGrid(name: string, a: IntegerTensor, b: IntegerTensor): void {
  const isSame = a.grid.type === b.grid.type && leastOf(a.grid) === leastOf(b.grid) && a.grid.hi === b.grid.hi;
  demand(isSame, `${name}: ${a.name} and ${b.name} have other grids`);
}

/** Number of integers of a tensor with its padding. */
function bordered({ shape }: IntegerTensor, { rows, columns }: Window): number {
  const [height, width, channels] = shape as [number, number, number];
  return (height + rows.before + rows.after) * (width + columns.before + columns.after) * channels;
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

function demandWindow(name: string, { rows, columns }: Window, fault: string | null): void {
  demand(fault === null, `${name}: ${fault}`);
  const largest = Math.max(...[rows, columns].flatMap((axis) => Object.values(axis) as number[]));
  demand(largest <= mostTaps, `${name}: has a window with ${largest}, ${mostTaps} is the most`);
}

function demand(holds: boolean, fault: string): void {
  if (!holds) throw new Error(fault);
}
