/** Weight gradients of stride-1 3×3 convolutions as calls of the transposed Winograd kernels. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import { TARGET_CHUNKS } from './convolutionItems.js';
import { cutPasses, cutTiles, placesOf, skewBytes, tileBytes, weightBytes } from './winogradTiles.js';

/** F(4×4, 3×3) at any size: the sums are as many for an image of a tile as for a large one. */
const EDGE = 4;
/** Tiles of an item. */
const ITEM_TILES = 64;
const WINDOW_BYTES = 96 * 1024;
/** Transformed operands of a pass should stay in the second caches of two cores, */
const SMALLEST_PASS_BYTES = 2 * 1024 * 1024;
/** or at least in a third-level cache where sums take more memory, which are read and written in each pass. */
const LARGEST_PASS_BYTES = 32 * 1024 * 1024;

export interface WinogradWeightGradient {
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly dw: Tensor;
  readonly groups: number;
  /** Row and column of x at the first result's first tap. */
  readonly top: number;
  readonly left: number;
}

export function lowerWinogradWeightGradient(context: LoweringContext, gradient: WinogradWeightGradient): KernelCall[] {
  const { x, dy, dw, groups, top, left } = gradient;
  const [allDepth, channels] = [nhwc(x)[3], nhwc(dy)[3]];
  const depth = allDepth / groups;
  const convolution = { source: x, result: dy, edge: EDGE, groups, top, left } as const;
  // A pass takes few of them.
  const cut = cutTiles(convolution, allDepth, ITEM_TILES, WINDOW_BYTES, Number.POSITIVE_INFINITY);
  const sumBytes = weightBytes(EDGE, depth, channels);
  const passBytes = Math.min(LARGEST_PASS_BYTES, Math.max(SMALLEST_PASS_BYTES, sumBytes));
  const { passes, bytes } = cutPasses(cut, tileBytes(EDGE, allDepth + channels), passBytes);
  const scratch = context.workerScratch(cut.windowBytes + cut.tableBytes);
  const sums = context.scratch(sumBytes);
  const transformed = context.scratch(bytes + skewBytes(EDGE));
  const args = cut.arguments(context, scratch);
  const sumChunks = Math.min(TARGET_CHUNKS, Math.ceil((depth * channels) / 128));
  return [
    ...passes.flatMap((pass) => {
      const own = { ...args, ...pass, sums, transformed };
      return [
        { kernel: 'transformWinogradOperands', chunks: 2 * pass.passChunks, args: own },
        { kernel: 'sumWinogradProducts', chunks: 4 * placesOf(EDGE), args: own },
      ];
    }),
    {
      kernel: 'transformWinogradSums',
      chunks: sumChunks,
      args: { sums, dw: context.address(dw), depth, channels, chunks: sumChunks },
    },
  ];
}
