/** The division of a Winograd convolution into tiles, chunks and passes; see `kernels/convWinogradTiles.ts`. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { Window } from '../../../ops/window.js';
import type { ArgumentBlock, LoweringContext } from '../lowered.js';
import { chooseItem, convolutionArguments, type Item, PANEL, upTo } from './convolutionItems.js';

/** As in `kernels/convWinogradTiles.ts`. */
const SKEW_BYTES = 64;

/** Rows and columns of a tile's results: by F(2×2, 3×3) or F(4×4, 3×3). */
export type TileEdge = 2 | 4;

/**
 * Tells whether the kernels apply: 3×3 taps without dilation, stride 1, input channels a multiple of four and result
 * channels of eight.
 */
export function winogradApplies(weights: Tensor, { rows, columns }: Window, depth: number, channels: number): boolean {
  const [tapRows, tapColumns] = nhwc(weights);
  const isDense = [rows, columns].every(({ stride, dilation }) => stride === 1 && dilation === 1);
  return tapRows === 3 && tapColumns === 3 && isDense && depth % 4 === 0 && channels % PANEL === 0;
}

/** Places of a tile. */
export function placesOf(edge: TileEdge): number {
  return (edge + 2) ** 2;
}

/** Number of tiles of `height` × `width` results. */
export function tilesOf(edge: TileEdge, height: number, width: number): number {
  return Math.ceil(height / edge) * Math.ceil(width / edge);
}

/** Bytes of a tile's numbers in all places with as many `channels`. */
export function tileBytes(edge: TileEdge, channels: number): number {
  return placesOf(edge) * channels * 4;
}

/** Bytes of `channels` result channels' weights, or sums of the weight gradient, in all places. */
export function weightBytes(edge: TileEdge, depth: number, channels: number): number {
  return (channels / PANEL) * placesOf(edge) * (depth * PANEL * 4 + SKEW_BYTES);
}

/** What the places of two arrays are apart from each other. */
export function skewBytes(edge: TileEdge): number {
  return 2 * placesOf(edge) * SKEW_BYTES;
}

export interface TileCut {
  readonly item: Item;
  readonly chunks: number;
  /** Tiles of the largest chunk. */
  readonly chunkTiles: number;
  /** Bytes of an item's window and of its table. */
  readonly windowBytes: number;
  readonly tableBytes: number;
  /** Arguments as in `TiledArguments`, for all chunks. */
  arguments(context: LoweringContext, scratch: { readonly base: number; readonly stride: number }): ArgumentBlock;
}

export interface TiledConvolution {
  readonly source: Tensor;
  readonly result: Tensor;
  readonly edge: TileEdge;
  readonly groups: number;
  /** Row and column of the source at the first result's first tap. */
  readonly top: number;
  readonly left: number;
}

/**
 * Cuts a batch into items of about `tiles`, whose windows have `taken` channels and at most `budget` bytes, and these into at
 * most `mostChunks`.
 */
export function cutTiles(
  convolution: TiledConvolution,
  taken: number,
  tiles: number,
  budget: number,
  mostChunks: number,
): TileCut {
  const { source, result, edge, groups, top, left } = convolution;
  const [images, height, width] = nhwc(result);
  const windowColumns = upTo(edge, width) + 2;
  const windowRows = (rows: number) => upTo(edge, rows) + 2;
  const windowBytes = (rows: number) => windowRows(rows) * windowColumns * taken * 4;
  const item = chooseItem(images, height, width, windowBytes, budget, edge ** 2 * tiles, edge);
  const itemTiles = item.images * tilesOf(edge, item.rows, width);
  const chunks = Math.min(mostChunks, item.count);
  return {
    item,
    chunks,
    chunkTiles: Math.ceil(item.count / chunks) * itemTiles,
    windowBytes: item.images * windowBytes(item.rows) + 64,
    tableBytes: itemTiles * 20,
    arguments: (context, scratch) => ({
      ...convolutionArguments(context, source, result, item, chunks, scratch),
      ...{
        top,
        left,
        windowRows: windowRows(item.rows),
        windowColumns,
        edge,
        groups,
        firstChunk: 0,
        passChunks: chunks,
      },
    }),
  };
}

/** Passes of as many chunks as have room in `budget` bytes with `bytes` a tile, and what they need. */
export function cutPasses({ chunks, chunkTiles }: TileCut, bytes: number, budget: number) {
  const passChunks = Math.min(chunks, Math.ceil(budget / (bytes * chunkTiles)));
  const passes = Array.from({ length: Math.ceil(chunks / passChunks) }, (_, pass) => pass * passChunks);
  // Tiles may be rounded up to four.
  return {
    passes: passes.map((firstChunk) => ({ firstChunk, passChunks })),
    bytes: bytes * (passChunks * chunkTiles + 4),
  };
}
