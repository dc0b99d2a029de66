/**
 * Weight gradients of 3×3 convolutions of stride 1 and 2, and of 7×7 ones of stride 2, as calls of the transposed
 * Winograd kernels.
 */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import { PANEL, TARGET_CHUNKS } from './convolutionItems.js';
import { cutPanels, cutPasses, cutTiles, placesOf, type TiledConvolution, weightBytes } from './winogradTiles.js';

/** Tiles of an item. */
const ITEM_TILES = 64;
const WINDOW_BYTES = 96 * 1024;
/** Transformed operands of a pass should stay in the second caches of two cores, */
const SMALLEST_PASS_BYTES = 2 * 1024 * 1024;
/** or at least in a third-level cache where sums take more memory, which are read and written in each pass. */
const LARGEST_PASS_BYTES = 32 * 1024 * 1024;

export interface WinogradWeightGradient
  extends Pick<TiledConvolution, 'edge' | 'groups' | 'top' | 'left' | 'sourceStride'> {
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly dw: Tensor;
}

export function lowerWinogradWeightGradient(context: LoweringContext, gradient: WinogradWeightGradient): KernelCall[] {
  const { x, dy, dw, edge, groups, sourceStride } = gradient;
  const [allDepth, channels] = [nhwc(x)[3] * sourceStride ** 2, nhwc(dy)[3]];
  const depth = allDepth / groups;
  const convolution = { ...gradient, source: x, result: dy, resultStride: 1 };
  // A pass takes few of them.
  const cut = cutTiles(convolution, allDepth, ITEM_TILES, WINDOW_BYTES, Number.POSITIVE_INFINITY);
  const sumBytes = weightBytes(edge, depth, channels);
  const passBytes = Math.min(LARGEST_PASS_BYTES, Math.max(SMALLEST_PASS_BYTES, sumBytes));
  const { passes, transformed } = cutPasses(context, cut, edge, allDepth + channels, passBytes);
  // Sums of several passes have to be in memory all at once.
  const panelGroups = cutPanels(edge, depth, channels, passes.length === 1);
  const scratch = context.workerScratch(cut.bytes);
  const sums = context.scratch(weightBytes(edge, depth, panelGroups[0]!.panels * PANEL));
  const args = {
    ...cut.arguments(context, scratch),
    ...{ transformed, sums, dw: context.address(dw) },
  };
  return passes.flatMap((pass) => [
    {
      kernel: 'transformWinogradOperands',
      chunks: 2 * pass.passChunks,
      args: { ...args, ...pass, ...panelGroups[0] },
    },
    ...panelGroups.flatMap((group) => {
      const own = { ...args, ...pass, ...group };
      const finish = { kernel: 'transformWinogradSums', chunks: TARGET_CHUNKS, args: own };
      return [
        { kernel: 'sumWinogradProducts', chunks: 4 * placesOf(edge), args: own },
        ...(pass === passes.at(-1) ? [finish] : []),
      ];
    }),
  ]);
}
