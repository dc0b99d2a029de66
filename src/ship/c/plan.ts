/**
 * Buffers, widths and functions of C that a network needs, and their use by each layer.
 *
 * A convolution unpacks rows of its input into a window of rows, and computes a few output rows at once (a band). For
 * every four output channels it unpacks their weights, one row of the filter at a time, and sums over the whole band.
 */

import { InputError } from '../../errors.js';
import { extentOf } from '../../ops/window.js';
import { type Arena, planArena } from '../arena.js';
import { unquantizedImage } from '../inputGrid.js';
import {
  type ArrangeLayer,
  type ConvolvingLayer,
  convolves,
  type Grid,
  type IntegerNetwork,
  type IntegerTensor,
  inputOf,
  leastOf,
  type Product,
  storedSource,
} from '../integerNetwork.js';
import { weightBytesOf } from '../packedFile.js';
import { type Coding, codingOf } from './codes.js';
import { type PlannedRequantization, plannedRequantization } from './requantizer.js';

/** A tensor as a layer reads it: every `step`-th pixel of one in memory, or of the image. */
export interface View {
  /** Offset in the arena; null for the image. */
  readonly offset: number | null;
  readonly height: number;
  readonly width: number;
  /** Channels in memory; further ones are zero. */
  readonly channels: number;
  readonly sourceWidth: number;
  readonly step: number;
  readonly coding: Coding;
}

/** Width of the integers of a window and of filters: 16 bits, or 32 if the values need them. */
export type Elements = 'narrow' | 'wide';

/** A product with its view of the input, and its window and filters as elements in buffers. */
export interface ProductPlan {
  readonly product: Product;
  readonly view: View;
  /** The tensor that replaces the weights. */
  readonly factor: View | null;
  /** Integers of a pixel in the window: its channels and zeros up to a multiple of 8, as vectors have lanes. */
  readonly depth: number;
  readonly rowLength: number;
  /** Number of rows in the window, and index of the first one's first element. */
  readonly slots: number;
  readonly windowStart: number;
}

/** A convolution as the C code runs it, band by band. */
export interface ConvolutionPlan extends PlannedRequantization {
  readonly layer: ConvolvingLayer;
  readonly products: readonly ProductPlan[];
  readonly elements: Elements;
  readonly addend: View | null;
  /** Offset in the arena; null for an output that the caller keeps. */
  readonly outputOffset: number | null;
  /** Number of output rows for which weights are unpacked once. */
  readonly band: number;
}

/** Elements of the convolutions' buffers, the most that any layer needs. */
export interface Buffers {
  readonly window: Readonly<Record<Elements, number>>;
  readonly filters: Readonly<Record<Elements, number>>;
  readonly accumulators: number;
}

/** The plan of all C code: places of tensors, convolutions, and the buffers that these share. */
export interface Plan {
  readonly network: IntegerNetwork;
  readonly arena: Arena;
  readonly convolutions: ReadonlyMap<ConvolvingLayer, ConvolutionPlan>;
  readonly buffers: Buffers;
  readonly viewOf: (tensor: IntegerTensor) => View;
}

/**
 * The fewest output rows that share an unpacked filter, and pixels, if the layer has as many. With a stride of 2 they
 * would need a larger window.
 */
const rowsPerFilter = 2;
const pixelsPerFilter = 24;
/** Bytes behind the weights and behind the arena, since streams are read in words. */
export const guardBytes = 3;
/** Channels that are summed together. */
export const channelsTogether = 4;

/**
 * Plans the C code of a network.
 *
 * @throws InputError for a network whose sums or sizes exceed C's integers
 */
export function planOf(network: IntegerNetwork): Plan {
  const arena = planArena(network);
  const viewOf = (tensor: IntegerTensor) => viewOfTensor(network, arena, tensor);
  const convolutions = new Map<ConvolvingLayer, ConvolutionPlan>();
  for (const layer of network.layers) {
    if (layer.op !== 'classifier') demandHalfWords(layer.output);
    if (convolves(layer)) convolutions.set(layer, convolutionPlan(layer, arena, viewOf));
    else if (layer.op === 'arrange') demandArrangement(layer, viewOf);
    else if (layer.op !== 'input' && layer.op !== 'subsample') storedView(viewOf(layer.input), layer.name);
  }
  return { network, arena, convolutions, viewOf, buffers: buffersOf([...convolutions.values()]) };
}

/** Bytes of all weights as streams. */
export function weightBytes({ layers }: IntegerNetwork): number {
  return layers.reduce((sum, layer) => sum + weightBytesOf(layer), 0);
}

/** Bytes of a buffer of whole words that holds integers of 16 or of 32 bits. */
export function sharedBytes({ narrow, wide }: Readonly<Record<Elements, number>>): number {
  return 4 * Math.ceil(Math.max(2 * narrow, 4 * wide) / 4);
}

function viewOfTensor(network: IntegerNetwork, arena: Arena, tensor: IntegerTensor): View {
  const { source, stride: step } = storedSource(network, tensor);
  const [height, width] = tensor.shape as [number, number];
  const [, sourceWidth, channels] = source.shape as [number, number, number];
  const offset = source === inputOf(network).output ? null : arena.offsets.get(source.name)!;
  return { offset, height, width, channels, sourceWidth, step, coding: codingOf(source.grid, source.bits) };
}

/** A view of a tensor in the arena: only convolutions read the image. */
function storedView(view: View, layer: string): View {
  if (view.offset !== null) return view;
  throw unquantizedImage(layer, 'C');
}

/** Throws an `InputError` for an arrangement that C cannot make: a byte numbers its inputs, and none is the image. */
function demandArrangement({ name, inputs }: ArrangeLayer, viewOf: Plan['viewOf']): void {
  for (const input of inputs) storedView(viewOf(input), name);
  if (inputs.length <= 256) return;
  throw new InputError(
    `${inputs[0]!.name}: stands beside ${inputs.length - 1} other tensors, in C 255 are the most; export it without c (--to)`,
  );
}

function convolutionPlan(
  layer: ConvolvingLayer,
  arena: Arena,
  viewOf: (tensor: IntegerTensor) => View,
): ConvolutionPlan {
  const { output, addend } = layer;
  if (layer.op === 'convolution' && output.bits > 8) {
    throw new InputError(`${output.name}: is stored with ${output.bits} bits; in C an activation has 8 at most`);
  }
  const [height, width] = output.shape as [number, number];
  const [{ window }] = layer.products as [Product];
  const band = Math.min(height, Math.max(rowsPerFilter, Math.ceil(pixelsPerFilter / (width * window.rows.stride))));
  // Both of two products are in the window at once, so they have elements of one width.
  const grids = layer.products.flatMap(({ input, weights, factor }) => [input.grid, (factor ?? weights).grid]);
  const elements = grids.every(isNarrow) ? 'narrow' : 'wide';
  const products: ProductPlan[] = [];
  let windowStart = 0;
  for (const product of layer.products) {
    const factor = product.factor && storedView(viewOf(product.factor), layer.name);
    const plan = productPlan(product, viewOf(product.input), factor, band, windowStart);
    windowStart += plan.slots * plan.rowLength;
    products.push(plan);
  }
  const view = addend && storedView(viewOf(addend), layer.name);
  return {
    ...{ layer, products, elements, band },
    addend: view,
    ...plannedRequantization(layer, view),
    outputOffset: arena.offsets.get(output.name) ?? null,
  };
}

function productPlan(
  product: Product,
  view: View,
  factor: View | null,
  band: number,
  windowStart: number,
): ProductPlan {
  const { input, weights, window } = product;
  const [rows, columns] = weights.shape as [number, number];
  const depth = 8 * Math.ceil(input.shape[2]! / 8);
  const rowLength = (window.columns.before + view.width + window.columns.after) * depth;
  const slots = (band - 1) * window.rows.stride + extentOf(rows, window.rows.dilation);
  const axes = [window.rows, window.columns].flatMap(Object.values) as number[];
  demandBytes(weights.name || input.name, [rows, columns, slots, ...axes]);
  return { product, view, factor, depth, rowLength, slots, windowStart };
}

/** Throws an `InputError` for a tensor whose sizes, with channels in eights, exceed C's 16 bits. */
function demandHalfWords({ name, shape }: IntegerTensor): void {
  const largest = Math.max(...shape);
  const most = 2 ** 16 - 8;
  if (largest <= most) return;
  throw new InputError(`${name}: has the size ${largest}, in C ${most} is the most; export it without c (--to)`);
}

/** Throws an `InputError` for a window whose numbers exceed C's bytes. */
function demandBytes(name: string, numbers: readonly number[]): void {
  const largest = Math.max(...numbers);
  if (largest < 256) return;
  throw new InputError(`${name}: has a window with ${largest}, in C 255 is the most; export it without c (--to)`);
}

function isNarrow(grid: Grid): boolean {
  return leastOf(grid) >= -(2 ** 15) && grid.hi < 2 ** 15;
}

function buffersOf(plans: readonly ConvolutionPlan[]): Buffers {
  const most = (sizeOf: (plan: ConvolutionPlan) => number) => Math.max(0, ...plans.map(sizeOf));
  const ofBoth = (sizeOf: (plan: ConvolutionPlan) => number) => ({
    narrow: most((plan) => (plan.elements === 'narrow' ? sizeOf(plan) : 0)),
    wide: most((plan) => (plan.elements === 'wide' ? sizeOf(plan) : 0)),
  });
  return {
    window: ofBoth(({ products }) => products.reduce((sum, { slots, rowLength }) => sum + slots * rowLength, 0)),
    filters: ofBoth(({ products }) => Math.max(...products.map(filterElements))),
    accumulators: most((plan) => plan.products.length * accumulatorsOf(plan)),
  };
}

function filterElements({ product, depth }: ProductPlan): number {
  const size = product.weights.shape[1]!;
  return product.depthwise ? size : channelsTogether * extentOf(size, product.window.columns.dilation) * depth;
}

/** Number of accumulators of one product in a band: pixels are summed in pairs. */
function accumulatorsOf({ layer, band }: ConvolutionPlan): number {
  return band * channelsTogether * 2 * Math.ceil(layer.output.shape[1]! / 2);
}
