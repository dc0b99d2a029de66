/** Weight gradients of stride-1 3×3 convolutions as calls of the transposed Winograd kernels. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import { addPartialSums, convolutionArguments, TARGET_CHUNKS } from './convolutionItems.js';
import { cutGradient } from './gradientCut.js';
import { cutTiles } from './winograd.js';

/**
 * Bytes of partial sums: these are 16/9 of the gradient and are read again by the second call, so fewer than for a
 * direct gradient.
 */
const PARTIAL_BYTES = 4 * 1024 * 1024;
const MOST_DEPTH = 64;

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
  const depth = nhwc(x)[3] / groups;
  const channels = nhwc(dy)[3];
  const partialBytes = 16 * depth * channels * 4;
  // Blocks within groups, which are small, would be transformed more often than multiplied.
  const budget = groups === 1 ? PARTIAL_BYTES : 4 * PARTIAL_BYTES;
  const cut = cutGradient(depth, channels / groups, partialBytes, budget, MOST_DEPTH);
  const { blockDepth, depthBlocks, blockPanels, panelBlocks } = cut;
  const tiles = cutTiles(x, dy, blockDepth, cut.pixelChunks);
  const pixelChunks = Math.min(cut.pixelChunks, tiles.item.count);
  const scratch = context.workerScratch(tiles.scratchBytes);
  const partials = context.scratch(pixelChunks * partialBytes);
  const reduceChunks = Math.min(TARGET_CHUNKS, Math.ceil((depth * channels) / 128));
  return [
    {
      kernel: 'winogradWeightGradient',
      chunks: pixelChunks * depthBlocks * panelBlocks,
      args: {
        ...convolutionArguments(context, x, dy, tiles.item, pixelChunks, scratch),
        ...{ partials, blockDepth, depthBlocks, blockPanels, groups },
        ...{ top, left, ...tiles.args },
      },
    },
    addPartialSums('reduceWinogradWeightGradient', reduceChunks, {
      ...{ partials, pixelChunks, dw: context.address(dw), kernelRows: depth, channels },
    }),
  ];
}
