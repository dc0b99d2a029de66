/**
 * Convolutions with few channels, on matrix units: tiles are some whole rows of an image, and a workgroup takes
 * several in turn. What such products cost is not their arithmetic: weights are brought into workgroup memory once for all
 * tiles, the rows of the next tile are fetched during the products of the one before, places in them do not depend on the
 * tile, and moments are added up in registers until the last.
 */

import type { MatrixUnits, Operand } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import type { TileShape, TileSource } from './convolutionTile.js';
import { fragment, passSize, type SliceSize, sliceVectors, subgroupSize } from './matrixTileShapes.js';

/** The windows on the inputs, or those on the outputs in which an input takes part. */
export type Direction = 'forward' | 'backward';

/** Most channels of rows that leave room for weights, or sums, of all taps. */
export const mostRowChannels = 32;

/** Tells whether rows of outputs are whole fragments, all inputs are in steps of theirs, and so many pixels are whole rows. */
export function hasRowTiles(sizes: ConvolutionSizes, pixels: number): boolean {
  const { inputHeight, inputWidth, outputHeight, outputWidth, inputChannels, outputChannels } = sizes;
  const { rows, columns, taps } = sizes;
  const isDense = rows.dilation === 1 && columns.dilation === 1 && rows.stride === columns.stride;
  const isWhole = inputHeight === rows.stride * outputHeight && inputWidth === rows.stride * outputWidth;
  const hasFragments = [inputChannels, outputChannels, outputWidth].every((length) => length % fragment === 0);
  const hasTiles = pixels % outputWidth === 0 && (outputHeight * outputWidth) % pixels === 0;
  return isDense && isWhole && hasFragments && hasTiles && taps > 1;
}

/** Positions in a row with its padding, and in all rows that the windows of so many pixels see. */
export function seenBy({ outputWidth, kernelWidth, kernelHeight, rows: { stride } }: ConvolutionSizes, pixels: number) {
  const line = (outputWidth - 1) * stride + kernelWidth;
  return { line, positions: line * ((pixels / outputWidth - 1) * stride + kernelHeight) };
}

/** The shape of a tile of rows of images: `m` pixels, all channels `n` and `k`, `inTurn` of them for a workgroup. */
export type RowTile = TileShape & Required<Pick<TileShape, 'inTurn' | 'subgroups'>>;

export function isRowTile(shape: TileShape): shape is RowTile {
  return shape.inTurn !== undefined && shape.subgroups !== undefined;
}

/** Tiles of pixels that fit into the workgroup memory, in each just so many workgroups that there are enough. */
export function pixelRowTiles(
  op: 'conv2d' | 'conv2dInputGradient',
  sizes: ConvolutionSizes,
  units: MatrixUnits,
): RowTile[] {
  const isForward = op === 'conv2d';
  const { stride } = sizes.rows;
  const [n, k] = isForward ? [sizes.outputChannels, sizes.inputChannels] : [sizes.inputChannels, sizes.outputChannels];
  if (units.precision !== 'float16' || n > mostRowChannels || k > mostRowChannels) return [];
  if (!isForward && stride > 1) return [];
  return shapesFor(n, stride)
    .filter(([m]) => hasRowTiles(sizes, m))
    .map(
      ([m, subgroups, workgroups, least = 1]): RowTile => ({
        ...{ m, n, k, rows: (m * n) / (4 * subgroupSize * subgroups), columns: 4 },
        ...{ subgroups: [subgroups, 1], passes: [n / fragment, 1] },
        inTurn: Math.max(least, Math.ceil(sizes.outputPixels / m / workgroups)),
      }),
    )
    .filter((shape) => bytesOf(sizes, shape, isForward ? 'forward' : 'backward') <= units.workgroupBytes);
}

type ShapeToTry = readonly [m: number, subgroups: number, workgroups: number, least?: number];

/**
 * Pixels and subgroups of tiles to try, about how many workgroups, two to eight on each of 132 multiprocessors, and the least
 * number of tiles in turn. Small workgroups wait for each other less, large ones see fewer rows twice, as do windows
 * without a stride.
 */
function shapesFor(n: number, stride: number): readonly ShapeToTry[] {
  if (stride > 1) {
    return [
      [128, 8, 528],
      [64, 4, 1024],
      [64, 4, 528, 2],
    ];
  }
  if (n === 16) {
    return [
      [256, 8, 528],
      [256, 8, 264],
      [128, 4, 1024],
      [128, 4, 528, 2],
    ];
  }
  return [
    [128, 8, 528],
    [128, 8, 264],
    [64, 4, 528],
    [128, 4, 264, 2],
  ];
}

/** Invocations of a workgroup. */
export function threadsOf({ subgroups: [subgroups] }: RowTile): number {
  return subgroupSize * subgroups;
}

/** Pixels of a workgroup. */
export function pixelsInTurn({ m, inTurn }: RowTile): number {
  return m * inTurn;
}

export interface RowTileProduct {
  readonly sizes: ConvolutionSizes;
  readonly shape: RowTile;
  readonly direction: Direction;
  /** The images, or the gradients of the outputs. */
  readonly x: Operand;
  readonly weights: TileSource;
  readonly scaledA?: number;
  readonly scaledB?: number;
  /** WGSL that loads four neighbours to add to the results. */
  readonly addend?: Load | null;
  /** WGSL that stores four neighbours, number `index` of all results. */
  readonly store: Store;
  /** Another computation on the results; null for none. */
  readonly end: RowTileEnd | null;
}

export type Load = (index: string) => string;
type Store = (index: string, value: string) => string;

/**
 * WGSL that computes with the results. An invocation `t` has those of the four channels `across`, and passes all of them before
 * the workgroup ends.
 */
export interface RowTileEnd {
  readonly declarations: string;
  /** Before the first. */
  readonly begin: string;
  /** Loads of four neighbours, by names that `each` may use. */
  readonly ahead?: Readonly<Record<string, Load>>;
  /** Four neighbours; stores them. */
  readonly each: (index: string, value: string, store: Store) => string;
  /** Behind the last; uses an array with a vector for each of `across` × `down` invocations. */
  readonly end: (array: string, shape: { readonly across: number; readonly down: number }) => string;
}

/** Slices of a tile: the rows that its windows see, and all weights. */
export function slicesOf(
  sizes: ConvolutionSizes,
  { m, n, k }: RowTile,
  direction: Direction,
): Readonly<Record<'a' | 'b', SliceSize>> {
  const { taps } = sizes;
  const b = direction === 'forward' ? { across: n, depth: taps * k } : { across: taps * n, depth: k };
  return { a: { across: seenBy(sizes, m).positions, depth: k }, b };
}

/** Bytes of workgroup memory that a tile needs. */
function bytesOf(sizes: ConvolutionSizes, shape: RowTile, direction: Direction): number {
  const { a, b } = slicesOf(sizes, shape, direction);
  const { rows, stride } = passSize(shape);
  return 8 * (sliceVectors('k', a) + sliceVectors(direction === 'forward' ? 'across' : 'k', b)) + 16 * rows * stride;
}
