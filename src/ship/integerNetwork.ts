/**
 * The integer network, which a device runs. Every tensor holds integers. A convolution sums products of integers, and a
 * multiplier, a bias and a shift for each channel turn its accumulator into the integers of its output. Interpreter,
 * packed file, ONNX and C writers and the runtime read nothing else.
 *
 * Shapes are those of one image: [H, W, C] or [C], row-major. An integer v of a tensor means the number v·step.
 */

import type { SizedWindow, Window } from '../ops/window.js';
import type { LossKind } from '../task.js';

/** The integers of a tensor: all from `lo` to `hi`, or only powers of two. */
export type Grid =
  | { readonly type: 'uniform'; readonly lo: number; readonly hi: number }
  /** 1, 2, 4 … `hi`; with zero if unsigned, with their negatives (and without zero) if signed. */
  | { readonly type: 'powers'; readonly signed: boolean; readonly hi: number };

/** The largest integer of a stored tensor. */
export const largestStored = 2 ** 16;

/** A tensor of integers: one that is stored, or the logits. */
export interface IntegerTensor {
  /** Unique in the network. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly grid: Grid;
  readonly step: number;
  /** Bits of an integer in memory: those of its quantizer, but at least as many as the grid needs. */
  readonly bits: number;
  /** Index from which all channels are zero; the number of channels if none is. */
  readonly usedChannels: number;
}

/**
 * Weights of a layer: HWIO with the I of a group, HWC for depthwise convolutions, (in, out) for the classifier, [out]
 * for its bias.
 */
export interface IntegerWeights {
  readonly name: string;
  readonly shape: readonly number[];
  /** In multiples of `step`·2^`channelExponents`. */
  readonly values: Int32Array;
  readonly grid: Grid;
  readonly step: number;
  /** For each output channel, the last axis; null if all are 0. */
  readonly channelExponents: Int8Array | null;
  /** 0 for a quantizer of integers: all weights are 1 and need no memory. */
  readonly bits: number;
}

/** A convolution of integers: one accumulator for each output element. */
export interface Product {
  readonly input: IntegerTensor;
  readonly weights: IntegerWeights;
  /** A tensor of one pixel that replaces the weights of a depthwise product of pixels; null with weights. */
  readonly factor: IntegerTensor | null;
  readonly depthwise: boolean;
  /** Number of groups; outputs of a group depend on the inputs of the same group. 1 if depthwise. */
  readonly groups: number;
  /** Outside of the image are zeros. */
  readonly window: Window;
  /** The least and the largest accumulator that each channel can reach. */
  readonly lo: readonly number[];
  readonly hi: readonly number[];
}

/**
 * From accumulators a (one for each product) and the addend's integer s to the output. For a uniform output
 *
 *     q = clip((((Σ M·a + b) >> n) + (s << addendShift)) >> outputShift; lo, hi)
 *
 * with arithmetic shifts, which are floors. Powers of two, and rounded functions, come from a table: with t = Σ M·a + b
 * + (s << (addendShift + n)), q is the value behind the last of its thresholds that t reaches.
 */
export interface Requantization {
  /** For each product, M of each channel: below 2^31 in magnitude. */
  readonly multipliers: readonly Int32Array[];
  /** b of each channel. */
  readonly biases: BigInt64Array;
  /** n of each channel; with a table the same for all channels. */
  readonly shifts: Uint8Array;
  readonly addendShift: number;
  readonly outputShift: number;
  readonly table: OutputTable | null;
}

/** A staircase: `values` has one more number than the ascending `thresholds`; values may rise and fall. */
export interface OutputTable {
  readonly thresholds: BigInt64Array;
  readonly values: Int32Array;
}

/** The proof of a layer's integers. */
export type Proof =
  /** Nothing is rounded. */
  | { readonly type: 'exact' }
  /** Equal to the float64 reference at every reachable accumulator (summed over channels) and integer of the addend. */
  | { readonly type: 'proven'; readonly accumulators: number; readonly addends: number }
  /** The integer form is the definition. */
  | { readonly type: 'definition'; readonly reason: string };

/**
 * The byte of an input number v, or of a byte with another normalisation: clip(R((v·scale + offset)/step); −limit,
 * limit) plus the input layer's offset of the channel, where R rounds halves away from zero.
 */
export interface InputQuantization {
  /** One for each channel. */
  readonly scale: readonly number[];
  readonly offset: readonly number[];
  readonly step: number;
  readonly limit: number;
}

/** u = scale·p − offset of the channel, for byte p of the image. */
export interface InputLayer {
  readonly op: 'input';
  readonly name: string;
  readonly scale: number;
  readonly offsets: readonly number[];
  /** Conversion of inputs to bytes; null if they are bytes already. */
  readonly quantization: InputQuantization | null;
  readonly output: IntegerTensor;
}

/** Convolutions whose sums become the integers of a stored tensor. */
export interface ConvolutionLayer {
  readonly op: 'convolution';
  readonly name: string;
  /** One product, or two whose accumulators are added. */
  readonly products: readonly Product[];
  /** A shortcut that is added to the products. */
  readonly addend: IntegerTensor | null;
  readonly requantization: Requantization;
  readonly proof: Proof;
  readonly output: IntegerTensor;
}

/** The maximum of each window; padding never wins. */
export interface MaxPoolLayer {
  readonly op: 'maxPool';
  readonly name: string;
  readonly window: SizedWindow;
  readonly input: IntegerTensor;
  readonly output: IntegerTensor;
}

/** The source of a channel: an input, and a channel of it. */
export interface ChannelSource {
  readonly input: number;
  readonly channel: number;
}

/** Channels of tensors in a new order: concatenated, sliced or shuffled. */
export interface ArrangeLayer {
  readonly op: 'arrange';
  readonly name: string;
  readonly inputs: readonly IntegerTensor[];
  /** For each input, the bits by which its integers are shifted to have the output's step. */
  readonly shifts: readonly number[];
  /** For each channel of the output. */
  readonly sources: readonly ChannelSource[];
  readonly output: IntegerTensor;
}

/** Every `stride`-th pixel, with zero channels behind. */
export interface SubsampleLayer {
  readonly op: 'subsample';
  readonly name: string;
  readonly stride: number;
  readonly input: IntegerTensor;
  readonly output: IntegerTensor;
}

/** The sum over all pixels for each channel; the step includes the division. */
export interface SumPoolLayer {
  readonly op: 'sumPool';
  readonly name: string;
  readonly input: IntegerTensor;
  readonly output: IntegerTensor;
}

/** Logit o = ((Σ x·w) << shifts[o]) + ((bias[o]·biasFactor) << biasShift), in units of `unit`. */
export interface ClassifierLayer {
  readonly op: 'classifier';
  readonly name: string;
  readonly input: IntegerTensor;
  readonly weights: IntegerWeights;
  readonly bias: IntegerWeights;
  readonly shifts: Uint8Array;
  /** Number of pixels of the sum before the classifier, since the bias belongs to their mean. */
  readonly biasFactor: number;
  readonly biasShift: number;
  /** The number that a logit of 1 means. */
  readonly unit: number;
  /** The least and the largest sum Σ x·w, and the least and the largest logit. */
  readonly sums: { readonly lo: number; readonly hi: number };
  readonly logits: { readonly lo: number; readonly hi: number };
}

/**
 * The last layer of a network that does not end in a fully connected one, such as one with a class for every pixel: the
 * results of its convolutions, Σ M·a + b + (s << addendShift), neither shifted nor clipped.
 */
export interface OutputLayer extends Omit<ConvolutionLayer, 'op'> {
  readonly op: 'outputs';
  /** The logits, within 53 bits; they are not stored in the network's memory. */
  readonly output: IntegerTensor;
}

/** A layer with convolutions. */
export type ConvolvingLayer = ConvolutionLayer | OutputLayer;

/** A layer that gives the logits. */
export type LastLayer = ClassifierLayer | OutputLayer;

/** A layer of an integer network. */
export type IntegerLayer =
  | InputLayer
  | ConvolutionLayer
  | MaxPoolLayer
  | ArrangeLayer
  | SubsampleLayer
  | SumPoolLayer
  | LastLayer;

/** A layer whose output other layers read. */
export type InnerLayer = Exclude<IntegerLayer, LastLayer>;

/** A network of integers, as a device runs it. */
export interface IntegerNetwork {
  /** In the order in which they run; the first is the input, the last gives the logits. */
  readonly layers: readonly IntegerLayer[];
  readonly classes: readonly string[];
  /** Names of the table's columns that it was trained on, one a channel of its input; absent for other data. */
  readonly columns?: readonly string[] | undefined;
  /** The loss that it was trained with, which decides what its logits mean. */
  readonly loss: LossKind;
}

/** Outputs of a network: integers in units of `unit`. */
export interface Outputs {
  readonly layer: LastLayer;
  /** [classes], or [height, width, classes] for a class a pixel. */
  readonly shape: readonly number[];
  readonly classes: number;
  readonly unit: number;
}

/** Tells whether a layer sums products. */
export function convolves(layer: IntegerLayer): layer is ConvolvingLayer {
  return layer.op === 'convolution' || layer.op === 'outputs';
}

/** Tells whether a layer gives the logits. */
export function isLast(layer: IntegerLayer): layer is LastLayer {
  return layer.op === 'classifier' || layer.op === 'outputs';
}

/** The weights of a layer, in the order of its definition. */
export function weightsOfLayer(layer: IntegerLayer): IntegerWeights[] {
  switch (layer.op) {
    case 'convolution':
    case 'outputs':
      return layer.products.map(({ weights }) => weights);
    case 'classifier':
      return [layer.weights, layer.bias];
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

/** Tells whether a network's outputs are classes, of an image or of each pixel. */
export function putsOutClasses({ loss }: Pick<IntegerNetwork, 'loss'>): boolean {
  return loss === 'classes' || loss === 'pixels';
}

/** The outputs of a network's last layer. */
export function outputsOf({ layers }: Pick<IntegerNetwork, 'layers'>): Outputs {
  const layer = layers.at(-1);
  if (!layer || !isLast(layer)) throw new Error('the network has no outputs');
  if (layer.op === 'classifier') {
    const classes = layer.weights.shape[1]!;
    return { layer, shape: [classes], classes, unit: layer.unit };
  }
  const { shape, step } = layer.output;
  const classes = shape[2]!;
  return { layer, shape: isMap(layer) ? shape : [classes], classes, unit: step };
}

/** Tells whether the outputs have more than one pixel. */
export function isMap({ output: { shape } }: OutputLayer): boolean {
  return shape[0]! * shape[1]! > 1;
}

/** The first layer of a network, which takes the image. */
export function inputOf({ layers: [layer] }: Pick<IntegerNetwork, 'layers'>): InputLayer {
  if (layer?.op !== 'input') throw new Error('the network does not begin with an image');
  return layer;
}

const everyPixel = { stride: 1, before: 0, after: 0, dilation: 1 } as const;
/** A window of one pixel, at every pixel. */
export const pixelWindow: Window = { rows: everyPixel, columns: everyPixel };

/** The least integer of a grid. */
export function leastOf(grid: Grid): number {
  return grid.type === 'uniform' ? grid.lo : grid.signed ? -grid.hi : 0;
}

/** The largest magnitude of a tensor's integers. */
export function magnitudeOf({ grid }: IntegerTensor): number {
  return Math.max(grid.hi, -leastOf(grid));
}

/** The number of ascending bounds that a value reaches. */
export function reachedOf<T extends number | bigint>(bounds: ArrayLike<T>, value: T): number {
  let [reached, above] = [0, bounds.length];
  while (reached < above) {
    const middle = (reached + above) >>> 1;
    if (value >= bounds[middle]!) reached = middle + 1;
    else above = middle;
  }
  return reached;
}

/** Every integer of a grid, ascending. */
export function integersOf(grid: Grid): number[] {
  if (grid.type === 'uniform') return Array.from({ length: grid.hi - grid.lo + 1 }, (_, index) => grid.lo + index);
  const powers: number[] = [];
  for (let power = 1; power <= grid.hi; power *= 2) powers.push(power);
  return grid.signed ? [...powers.map((power) => -power).reverse(), ...powers] : [0, ...powers];
}

/**
 * Bits of a code: in uniform grids two's complement if there are negative integers, for powers an index, with a leading
 * sign bit if signed.
 */
export function codeBits(grid: Grid): number {
  if (grid.type === 'uniform') {
    const magnitude = bitLength(Math.max(grid.hi, -grid.lo));
    return Math.max(1, grid.lo < 0 ? magnitude + 1 : magnitude);
  }
  const powers = bitLength(grid.hi);
  return grid.signed ? bitLength(powers - 1) + 1 : bitLength(powers);
}

/** Binary digits of a nonnegative integer, 0 for 0; exact up to 2^53. */
export function bitLength(value: number): number {
  return value === 0 ? 0 : value.toString(2).length;
}

/** The stored tensor behind one, and the distance between its pixels: for a subsampled tensor those of its source. */
export function storedSource(
  { layers }: IntegerNetwork,
  tensor: IntegerTensor,
): { readonly source: IntegerTensor; readonly stride: number } {
  const layer = layers.find((each) => each.op === 'subsample' && each.output.name === tensor.name);
  return layer?.op === 'subsample' ? { source: layer.input, stride: layer.stride } : { source: tensor, stride: 1 };
}

/** The largest possible magnitude of a partial sum of an output layer. */
export function largestTotal({ products, addend, requantization }: OutputLayer): number {
  const { multipliers, biases, addendShift } = requantization;
  const added = addend ? magnitudeOf(addend) * 2 ** addendShift : 0;
  return Math.max(
    ...Array.from(biases, (bias, channel) =>
      products.reduce(
        (sum, { lo, hi }, term) => sum + Math.abs(multipliers[term]![channel]!) * Math.max(-lo[channel]!, hi[channel]!),
        Math.abs(Number(bias)) + added,
      ),
    ),
  );
}

/** The largest magnitude of a shifted addend, which has to fit 31 bits. */
export const largestAddend = 2 ** 30;

/** The largest magnitude of a sum of products. */
export const largestSum = 2 ** 31 - 1;

/** The largest magnitude of a multiplier. */
export const largestMultiplier = 2 ** 31 - 1;

/** The largest shift of a sum of 64 bits. */
export const largestShift = 62;

/** Multiplications of a layer for one image; weights of 1, those of averages and of tensors as they are, count, too. */
export function multiplicationsOf(layer: IntegerLayer): number {
  if (layer.op === 'classifier') return layer.weights.values.length;
  if (!convolves(layer)) return 0;
  const [height, width] = layer.output.shape as [number, number];
  return layer.products.reduce((sum, { weights }) => sum + height * width * weights.values.length, 0);
}

/** Multiplications of a network for one image, those with padding included. */
export function multiplications({ layers }: IntegerNetwork): number {
  return layers.reduce((sum, layer) => sum + multiplicationsOf(layer), 0);
}
