/**
 * The tile of a product. A GPU needs some hundreds of workgroups, and large tiles; these rules balance both within
 * WebGPU's guaranteed 256 invocations and 16 KiB of workgroup memory.
 */

import type { ConvolutionSizes } from './convolutionSizes.js';
import { sliceBytes, type TileShape } from './convolutionTile.js';

/** Workgroups that occupy a large GPU (an H100 has 132 multiprocessors) about twice. */
const enoughWorkgroups = 264;
const workgroupBytes = 16_384;

/** Tiles for many rows (pixels) and few columns (channels); the first is used without tuning. */
export function pixelTiles(m: number, n: number): TileShape[] {
  const width = tileWidth(n);
  const tiles = [4096, 2048, 1024].map((sums) => ({
    m: sums / width,
    n: width,
    rows: sums > 1024 ? 8 : 4,
    columns: 4,
  }));
  const fills = tiles.findIndex((tile) => Math.ceil(m / tile.m) * Math.ceil(n / width) >= enoughWorkgroups);
  return firstFirst(tiles, fills < 0 ? 2 : fills).flatMap(depths);
}

/** Tiles for the weight gradient: `m` is taps × input channels, often a multiple of 144. */
export function weightTiles(m: number, n: number): TileShape[] {
  const width = tileWidth(n);
  const heights = m % 144 === 0 ? [144, 72] : m <= 32 ? [32] : [64, 32];
  return heights
    .map((height) => ({ m: height, n: width, rows: height === 32 ? 4 : 8, columns: width === 64 ? 8 : 4 }))
    .flatMap(depths);
}

/** Most inputs of an output that are few: those of 3×3 pixels with colours. */
const fewInputs = 36;

/** The tile that is no matrix, where outputs have few inputs, which leave matrix units idle. */
export function directTiles({ taps, inputChannels, outputChannels }: ConvolutionSizes): TileShape[] {
  if (taps === 1 || inputChannels > 4 || taps * inputChannels > fewInputs || outputChannels % 4 !== 0) return [];
  return [{ m: 4, n: outputChannels, k: taps * inputChannels, rows: 4, columns: 4, isDirect: true }];
}

/** Columns of a tile for so many channels. */
export function tileWidth(n: number): 16 | 32 | 64 {
  return n <= 16 ? 16 : n <= 32 ? 32 : 64;
}

function firstFirst<T>(values: readonly T[], index: number): T[] {
  return [values[index]!, ...values.filter((_, i) => i !== index)];
}

/**
 * Number of parts of the weight gradient's sum over `k` pixels; each has at least four slices. One workgroup more than
 * a GPU runs at once would cost as much time as a full set.
 */
export function gradientSplits(m: number, n: number, k: number, shape: TileShape): number {
  const tiles = Math.ceil(m / shape.m) * Math.ceil(n / shape.n);
  const wanted = Math.max(1, Math.floor(enoughWorkgroups / tiles));
  const depth = Math.max(4 * shape.k, Math.ceil(k / wanted / shape.k) * shape.k);
  return Math.ceil(k / depth);
}

/** The shapes with slices that leave room for a column of sums, the deepest first. */
function depths(shape: Omit<TileShape, 'k'>): TileShape[] {
  const sums = (shape.m / shape.rows) * shape.n * 4;
  return [16, 8].map((k) => ({ ...shape, k })).filter((deep) => sliceBytes(deep) + sums <= workgroupBytes);
}
