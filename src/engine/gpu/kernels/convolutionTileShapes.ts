/**
 * Which tile a product gets. A GPU wants some hundreds of workgroups and large tiles; these rules settle between the two
 * within WebGPU's guaranteed 256 invocations and 16 KiB of workgroup memory.
 */

import { sliceBytes, type TileShape } from './convolutionTile.js';

/** Enough to occupy a large GPU (an H100 has 132 multiprocessors) about twice. */
const enoughWorkgroups = 264;
const workgroupBytes = 16_384;

/** Tiles for many rows (pixels) and few columns (channels); the first is the one to take untried. */
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

/** Columns of a tile for so many channels. */
export function tileWidth(n: number): 16 | 32 | 64 {
  return n <= 16 ? 16 : n <= 32 ? 32 : 64;
}

function firstFirst<T>(values: readonly T[], index: number): T[] {
  return [values[index]!, ...values.filter((_, i) => i !== index)];
}

/**
 * Parts into which the weight gradient's sum over `k` pixels is cut; at least four slices each. One workgroup more than a
 * GPU takes at once would cost the time of all.
 */
export function gradientSplits(m: number, n: number, k: number, shape: TileShape): number {
  const tiles = Math.ceil(m / shape.m) * Math.ceil(n / shape.n);
  const wanted = Math.max(1, Math.floor(enoughWorkgroups / tiles));
  const depth = Math.max(4 * shape.k, Math.ceil(k / wanted / shape.k) * shape.k);
  return Math.ceil(k / depth);
}

/** The slices that leave room for a column of sums, the deepest first. */
function depths(shape: Omit<TileShape, 'k'>): TileShape[] {
  const sums = (shape.m / shape.rows) * shape.n * 4;
  return [16, 8].map((k) => ({ ...shape, k })).filter((deep) => sliceBytes(deep) + sums <= workgroupBytes);
}
