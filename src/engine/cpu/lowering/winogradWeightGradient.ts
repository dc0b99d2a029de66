/** Weight gradients of 3×3 convolutions of stride 1 and 2 as calls of the transposed Winograd kernels. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import { PANEL, TARGET_CHUNKS } from './convolutionItems.js';
import { cutPanels, cutPasses, cutTiles, placesOf, type TiledConvolution, weightBytes } from './winogradTiles.js';

/** F(4×4, 3×3) at any size: the sums are as many for an image of a tile as for a large one. */
const EDGE = 4;
/** Tiles of an item. */
const ITEM_TILES = 64;
const WINDOW_BYTES = 96 * 1024;
/** Transformed operands of a pass should stay in the second caches of two cores, */
const SMALLEST_PASS_BYTES = 2 * 1024 * 1024;
/** or at least in a third-level cache where sums take more memory, which are read and written in each pass. */
const LARGEST_PASS_BYTES = 32 * 1024 * 1024;

export interface WinogradWeightGradient extends Pick<TiledConvolution, 'groups' | 'top' | 'left' | 'sourceStride'> {
  readonly x: Tensor;
  readonly dy: Tensor;
  readonly dw: Tensor;
}

export function lowerWinogradWeightGradient(context: LoweringContext, gradient: WinogradWeightGradient): KernelCall[] {
  const { x, dy, dw, groups, sourceStride } = gradient;
  const [allDepth, channels] = [nhwc(x)[3] * sourceStride ** 2, nhwc(dy)[3]];
  const depth = allDepth / groups;
  const convolution = { ...gradient, source: x, result: dy, edge: EDGE, resultStride: 1 } as const;
  // A pass takes few of them.
  const cut = cutTiles(convolution, allDepth, ITEM_TILES, WINDOW_BYTES, Number.POSITIVE_INFINITY);
  const sumBytes = weightBytes(EDGE, depth, channels);
  const passBytes = Math.min(LARGEST_PASS_BYTES, Math.max(SMALLEST_PASS_BYTES, sumBytes));
  const { passes, transformed } = cutPasses(context, cut, EDGE, allDepth + channels, passBytes);
  // Sums of several passes have to be in memory all at once.
  const panelGroups = cutPanels(EDGE, depth, channels, passes.length === 1);
  const scratch = context.workerScratch(cut.bytes);
  const sums = context.scratch(weightBytes(EDGE, depth, panelGroups[0]!.panels * PANEL));
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
        { kernel: 'sumWinogradProducts', chunks: 4 * placesOf(EDGE), args: own },
        ...(pass === passes.at(-1) ? [finish] : []),
      ];
    }),
  ]);
}
