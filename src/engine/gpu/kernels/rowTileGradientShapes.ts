/** Shapes of the tiles of `rowTileGradient.ts`. */

import type { MatrixUnits } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import { fragment, sliceVectors } from './matrixTileShapes.js';
import { hasRowTiles, mostRowChannels, seenBy } from './rowTileShapes.js';
import type { RowTile } from './rowTiles.js';
import { bytesForSums } from './sums.js';

/** Vectors of four in a row of a staged fragment. */
export const stagedRow = fragment / 4 + 1;

/**
 * Tiles of `k` pixels in turn: as large as fit into the workgroup memory for eight subgroups, for four and for two workgroups on
 * each multiprocessor of a large GPU, and for four subgroups and twice as many workgroups.
 */
export function weightRowTiles(sizes: ConvolutionSizes, units: MatrixUnits): RowTile[] {
  const { inputChannels, outputChannels: n, outputPixels, taps } = sizes;
  if (units.precision !== 'float16' || Math.max(inputChannels, n) > mostRowChannels) return [];
  return [8, 4].flatMap((subgroups) => {
    const fits = (k: number) => hasRowTiles(sizes, k) && bytesOf(sizes, k, subgroups) <= units.workgroupBytes;
    const k = [256, 128, 64].find((pixels) => pixels <= 32 * subgroups && fits(pixels));
    if (k === undefined) return [];
    return [528, 264].map((workgroups) => ({
      ...{ m: taps * inputChannels, n, k, rows: 4, columns: 4, subgroups: [subgroups, 1] as const },
      inTurn: Math.max(528 / workgroups, Math.ceil(((outputPixels / k) * subgroups) / 8 / workgroups)),
    }));
  });
}

/** Slices of a tile of so many pixels: the rows that windows see, and the upstream gradient. */
export function slicesOf(sizes: ConvolutionSizes, pixels: number) {
  return {
    a: { across: sizes.inputChannels, depth: seenBy(sizes, pixels).positions },
    b: { across: sizes.outputChannels, depth: pixels },
  };
}

/** Bytes of workgroup memory for the slices, for a fragment of each subgroup, and for sums beside the product. */
function bytesOf(sizes: ConvolutionSizes, pixels: number, subgroups: number): number {
  const { a, b } = slicesOf(sizes, pixels);
  const slices = 8 * (sliceVectors('across', a) + sliceVectors('across', b));
  return slices + 16 * subgroups * fragment * stagedRow + bytesForSums;
}
