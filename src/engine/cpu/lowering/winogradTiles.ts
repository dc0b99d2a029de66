/** The division of a Winograd convolution into tiles, chunks and passes; see `kernels/convWinogradTiles.ts`. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { AxisWindow, Window } from '../../../ops/window.js';
import type { ArgumentBlock, LoweringContext } from '../lowered.js';
import { chooseItem, convolutionArguments, greatestCommonDivisor, type Item, PANEL, upTo } from './convolutionItems.js';

/** As in `kernels/convWinogradTiles.ts` and `kernels/convWinogradSix.ts`. */
const SKEW_BYTES = 64;
const TILE_BYTES = 20;
const STAGE_COLUMN_BYTES = 128;

/**
 * Rows and columns of a tile's results: by F(2×2, 3×3), F(4×4, 3×3), F(6×6, 3×3), or by F(3×3, 4×4), F(5×5, 4×4) on pairs of
 * rows and columns.
 */
export type TileEdge = 2 | 3 | 4 | 5 | 6;

/** Rows, and columns, of results from which on at least a fifth of the products of stride 2 is saved. */
const FEWEST_ROWS = 6;
/** Input channels times result channels from which on 3×3 gradients of stride 2 save more time than transforms take. */
const MANY_WEIGHTS = 2048;

/**
 * The largest tiles by which the kernels compute a convolution without dilation, else 0: of 3×3 taps 4, of the 7×7 taps of a
 * first layer 3. `depth` and `channels` are those of a group, `height` × `width` the results, or pairs of them. Stride 2 of 3×3
 * taps is worth it for gradients only.
 */
export function winogradEdge(
  weights: Tensor,
  { rows, columns }: Window,
  depth: number,
  channels: number,
  groups: number,
  height: number,
  width: number,
): 0 | 3 | 4 {
  const [tapRows, tapColumns] = nhwc(weights);
  const { stride, dilation } = rows;
  const isEven = columns.stride === stride && tapRows === tapColumns && dilation * columns.dilation === 1;
  if (!isEven || channels % PANEL !== 0) return 0;
  const edge = tapRows === 3 && depth % 4 === 0 ? 4 : 0;
  if (stride === 1) return edge;
  if (stride > 2 || groups > 1 || Math.min(height, width) < FEWEST_ROWS) return 0;
  if (depth * channels >= MANY_WEIGHTS) return edge;
  return tapRows === 7 ? 3 : 0;
}

/** Where the source of a forward product or a weight gradient begins. The first of a pair of rows meets a tap more. */
export function forwardPlace({ rows, columns }: Window, edge: TileEdge) {
  const first = ({ before, stride }: AxisWindow) => (edge % 2 === 0 ? 2 - 2 * stride : 0) - before;
  return { top: first(rows), left: first(columns), sourceStride: rows.stride };
}

/** Rows and columns of a tile's inputs. */
function sideOf(edge: TileEdge): number {
  return edge + (edge % 2 === 0 ? 2 : 3);
}

/** Places of a tile. */
export function placesOf(edge: TileEdge): number {
  return sideOf(edge) ** 2;
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

/** Bytes that keep the places of two arrays apart. */
export function skewBytes(edge: TileEdge): number {
  return 2 * placesOf(edge) * SKEW_BYTES;
}

/** Panels of eight result channels whose weights, or sums of the weight gradient, are in memory at a time. */
export interface PanelGroup {
  readonly firstPanel: number;
  readonly panels: number;
}

/** Bytes of a group's weights or sums: as many as stay in a third-level cache beside inputs and products. */
const GROUP_BYTES = 4 * 1024 * 1024;

/** The panels of `channels`, in groups or all together. */
export function cutPanels(edge: TileEdge, depth: number, channels: number, inGroups: boolean): PanelGroup[] {
  const all = channels / PANEL;
  const most = inGroups ? Math.ceil(all / Math.ceil(weightBytes(edge, depth, channels) / GROUP_BYTES)) : all;
  return Array.from({ length: Math.ceil(all / most) }, (_, group) => {
    const firstPanel = group * most;
    return { firstPanel, panels: Math.min(most, all - firstPanel) };
  });
}

export interface TileCut {
  readonly item: Item;
  readonly chunks: number;
  /** Tiles of the largest chunk. */
  readonly chunkTiles: number;
  /** Bytes of an item's window, a stage of its transforms and its table. */
  readonly bytes: number;
  /** Arguments as in `TiledArguments`, for all chunks. */
  arguments(context: LoweringContext, scratch: { readonly base: number; readonly stride: number }): ArgumentBlock;
}

export interface TiledConvolution {
  readonly source: Tensor;
  readonly result: Tensor;
  readonly edge: TileEdge;
  /** 2 for a source that is taken in pairs of rows and columns, as in `kernels/convWinogradParts.ts`. */
  readonly sourceStride: number;
  /** 2 for a result of pairs. */
  readonly resultStride: number;
  readonly groups: number;
  /** Row and column of the source at the first result's first tap. */
  readonly top: number;
  readonly left: number;
}

/** Tiles of a product in registers. */
const REGISTER_TILES = 4;

/** Number of parts with `tiles` each whose tiles together are a multiple of those in registers. */
export function partsOfWholeProducts(tiles: number): number {
  return REGISTER_TILES / greatestCommonDivisor(REGISTER_TILES, tiles);
}

/**
 * Cuts a batch into items of about `tiles`, whose windows have `taken` channels and at most `budget` bytes, and these into at
 * most `mostChunks`. Bands of rows are a multiple of `rowMultiple` of tiles.
 */
export function cutTiles(
  convolution: TiledConvolution,
  taken: number,
  tiles: number,
  budget: number,
  mostChunks: number,
  rowMultiple = 1,
): TileCut {
  const { source, result, edge, groups, top, left, sourceStride, resultStride } = convolution;
  const [images, allRows, allColumns, channels] = nhwc(result);
  const [height, width] = [allRows / resultStride, allColumns / resultStride];
  const beyond = sideOf(edge) - edge;
  const windowColumns = upTo(edge, width) + beyond;
  const windowRows = (rows: number) => upTo(edge, rows) + beyond;
  const windowBytes = (rows: number) => windowRows(rows) * windowColumns * taken * 4;
  const item = chooseItem(images, height, width, windowBytes, budget, edge ** 2 * tiles, edge * rowMultiple);
  const itemTiles = item.images * tilesOf(edge, item.rows, width);
  const chunks = Math.min(mostChunks, item.count);
  return {
    item,
    chunks,
    chunkTiles: Math.ceil(item.count / chunks) * itemTiles,
    bytes: windowColumns * STAGE_COLUMN_BYTES + item.images * windowBytes(item.rows) + 64 + itemTiles * TILE_BYTES,
    arguments: (context, scratch) => ({
      ...convolutionArguments(context, source, result, item, chunks, scratch),
      ...{ resultHeight: height, resultWidth: width, channels: channels * resultStride ** 2 },
      ...{ top, left, windowRows: windowRows(item.rows), windowColumns, edge },
      ...{ sourceStride, resultStride, groups },
      ...{ firstChunk: 0, passChunks: chunks },
    }),
  };
}

/** Passes of as many chunks as have room for `channels` numbers of each place in `budget` bytes, and that room. */
export function cutPasses(
  context: LoweringContext,
  { chunks, chunkTiles }: TileCut,
  edge: TileEdge,
  channels: number,
  budget: number,
) {
  const bytes = tileBytes(edge, channels);
  const passChunks = Math.min(chunks, Math.ceil(budget / (bytes * chunkTiles)));
  return {
    passes: Array.from({ length: Math.ceil(chunks / passChunks) }, (_, p) => ({
      firstChunk: p * passChunks,
      passChunks,
    })),
    // The last product of a place may take three tiles more than there are.
    transformed: context.scratch(bytes * (passChunks * chunkTiles + 4) + skewBytes(edge)),
  };
}
