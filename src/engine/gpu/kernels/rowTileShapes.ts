/** Shapes of tiles of whole rows of images (`rowTiles.ts`) that the tuner may choose. */

import type { MatrixUnits } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import { subgroupSize } from './convolutionTile.js';
import { fragment, passSize, type SliceSize, sliceVectors } from './matrixTileShapes.js';
import type { Direction, RowTile } from './rowTiles.js';

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
