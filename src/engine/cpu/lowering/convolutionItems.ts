/**
 * The division of a convolution's batch into items (some whole images, or a band of rows of one), which a worker
 * computes one after another in its scratch, and of the items into about 32 chunks. Depends on shapes only.
 */

import { dimension, nhwc, type Tensor } from '../../../graph/tensor.js';
import type { Window } from '../../../ops/window.js';
import type { ArgumentBlock, KernelCall, LoweringContext } from '../lowered.js';

/** Enough for 16 workers to finish within a few percent of each other. */
export const TARGET_CHUNKS = 32;
/** The fewest results of an item, so that its fixed costs are small. */
export const ITEM_PIXELS = 64;
/** Bytes of an item's window in a direct convolution: leaves half of a 512 KiB second cache to weights and result. */
export const DIRECT_WINDOW_BYTES = 160 * 1024;
/** Result channels that a register tile computes at once. */
export const PANEL = 8;

/** As in `kernels/convMoments.ts`. */
const COMBINED_CHANNELS = 64;

/** A convolution, forward or its input gradient. */
export interface Convolution {
  readonly source: Tensor;
  readonly weights: Tensor;
  /** Distances in elements; `channel` and `depth` are those of the result and of the source. */
  readonly weightStrides: Readonly<Record<'channel' | 'depth' | 'column' | 'row', number>>;
  readonly result: Tensor;
  readonly addend: Tensor | null;
  readonly moments: Tensor | null;
  readonly groups: number;
}

/** Groups of channels that are independent of each other. */
export function groupsOf({ groups = 1 }: Window & { readonly groups?: number }): number {
  return groups;
}

export interface Item {
  readonly images: number;
  readonly rows: number;
  readonly bands: number;
  /** Items of the whole batch. */
  readonly count: number;
}

/**
 * Whole images while they are small, as many as give `pixels` results, else bands of rows (a multiple of `rowMultiple`)
 * whose source window is at most `budget` bytes; at least `chunks` items if the batch has as many.
 */
export function chooseItem(
  images: number,
  rows: number,
  columns: number,
  windowBytes: (rows: number) => number,
  budget: number,
  pixels: number,
  rowMultiple = 1,
  chunks = TARGET_CHUNKS,
): Item {
  // Bands of fewer than four rows would mostly copy each other's borders.
  const rowsForChunks = Math.max(4, Math.ceil(rows / Math.ceil(chunks / images)));
  let bandRows = Math.min(rows, rowsForChunks);
  while (bandRows > 1 && windowBytes(bandRows) > budget) bandRows--;
  const bands = Math.ceil(rows / bandRows);
  if (bands > 1) {
    const evenRows = upTo(rowMultiple, Math.ceil(rows / bands));
    return { images: 1, rows: evenRows, bands: Math.ceil(rows / evenRows), count: images * Math.ceil(rows / evenRows) };
  }
  const wanted = Math.ceil(pixels / (rows * columns));
  const affordable = Math.floor(budget / windowBytes(rows));
  const itemImages = Math.max(1, Math.min(wanted, affordable, Math.floor(images / chunks)));
  return { images: itemImages, rows, bands: 1, count: Math.ceil(images / itemImages) };
}

/** The lowest multiple of `multiple` that is not less than `value`. */
export function upTo(multiple: number, value: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/**
 * The greatest common divisor, of a stride and a dilation here: it gives the distance between the taps at one pixel.
 */
export function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Arguments as in `kernels/convolutionArguments.ts`. */
export function convolutionArguments(
  { address }: LoweringContext,
  source: Tensor,
  result: Tensor,
  item: Item,
  chunks: number,
  scratch: { readonly base: number; readonly stride: number },
): ArgumentBlock {
  const [images, height, width, depth] = nhwc(source);
  const [, resultHeight, resultWidth, channels] = nhwc(result);
  return {
    ...{ source: address(source), images, height, width, depth },
    ...{ result: address(result), resultHeight, resultWidth, channels },
    ...{ itemImages: item.images, itemRows: item.rows, bands: item.bands, items: item.count, chunks },
    ...{ scratch: scratch.base, scratchStride: scratch.stride },
  };
}

/** Arguments of the weight gradients. */
export function windowArguments(weights: Tensor, { rows, columns }: Window): ArgumentBlock {
  return {
    ...{ tapRows: dimension(weights, 0), tapColumns: dimension(weights, 1) },
    ...{ rowStride: rows.stride, columnStride: columns.stride },
    ...{ rowDilation: rows.dilation, columnDilation: columns.dilation },
    ...{ top: -rows.before, left: -columns.before },
  };
}

/** The place where chunks gather moments, if these are wanted, and the call that combines them. */
export function gatherMoments(
  context: LoweringContext,
  moments: Tensor | null,
  chunks: number,
  channels: number,
): { readonly blocks: number; readonly calls: readonly KernelCall[] } {
  if (!moments) return { blocks: 0, calls: [] };
  const blocks = context.scratch(chunks * momentsBlockBytes(channels));
  const args = { blocks, count: chunks, channels, moments: context.address(moments) };
  return { blocks, calls: [{ kernel: 'combineMoments', chunks: Math.ceil(channels / COMBINED_CHANNELS), args }] };
}

/** Bytes of a block as in `kernels/convMoments.ts`. */
function momentsBlockBytes(channels: number): number {
  return 16 + upTo(PANEL, channels) * 20;
}

/** The call that adds the partial weight gradients of chunks of pixels; `kernelRows` as in `PartialSumsArguments`. */
export function addPartialSums(
  chunks: number,
  args: { readonly partials: number; pixelChunks: number; dw: number; kernelRows: number; channels: number },
  groups = 1,
): KernelCall {
  return { kernel: 'reduceWeightGradient', chunks, args: { ...args, groups, chunks } };
}
