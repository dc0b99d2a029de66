/**
 * Which tile a product gets. A GPU wants some hundreds of workgroups and large tiles; these rules settle between the two
 * within WebGPU's guaranteed 256 invocations and 16 KiB of workgroup memory.
 */

import { sliceBytes, type TileShape } from './convolutionTile.js';

/** Enough to occupy a large GPU (an H100 has 132 multiprocessors) about twice. */
const enoughWorkgroups = 264;
const workgroupBytes = 16_384;

/** Tile for many rows (pixels) and few columns (channels). */
export function pixelTile(m: number, n: number): TileShape {
  const width = n <= 16 ? 16 : n <= 32 ? 32 : 64;
  const heights = [4096 / width, 2048 / width, 1024 / width];
  const height = heights.find((rows) => Math.ceil(m / rows) * Math.ceil(n / width) >= enoughWorkgroups) ?? heights[2]!;
  return deepest({ m: height, n: width, rows: height === heights[2] ? 4 : 8, columns: 4 });
}

/** Tile for the weight gradient: `m` is taps × input channels, often a multiple of 144. */
export function weightTile(m: number, n: number): TileShape {
  const width = n <= 16 ? 16 : n <= 32 ? 32 : 64;
  const height = m % 144 === 0 ? 144 : m <= 32 ? 32 : 64;
  return deepest({ m: height, n: width, rows: height === 32 ? 4 : 8, columns: width === 64 ? 8 : 4 });
}

/** Parts into which the weight gradient's sum over `k` pixels is cut; at least four slices each. */
export function gradientSplits(m: number, n: number, k: number, shape: TileShape): number {
  const tiles = Math.ceil(m / shape.m) * Math.ceil(n / shape.n);
  const wanted = Math.max(1, Math.ceil(enoughWorkgroups / tiles));
  const depth = Math.max(4 * shape.k, Math.ceil(k / wanted / shape.k) * shape.k);
  return Math.ceil(k / depth);
}

/** The deeper of two slices that leaves room for a column of sums. */
function deepest(shape: Omit<TileShape, 'k'>): TileShape {
  const sums = (shape.m / shape.rows) * shape.n * 4;
  const deep = { ...shape, k: 16 };
  return sliceBytes(deep) + sums <= workgroupBytes ? deep : { ...shape, k: 8 };
}
