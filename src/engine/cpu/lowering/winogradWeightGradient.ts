/** Weight gradients of stride-1 3×3 convolutions as calls of the transposed Winograd kernels. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import { addPartialSums, chooseItem, convolutionArguments, PANEL, TARGET_CHUNKS, upTo } from './convolutionItems.js';
import { cutGradient } from './gradientCut.js';
import { SKEW_BYTES, winogradBlockTiles } from './winograd.js';

const WINDOW_BYTES = 96 * 1024;
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
  /** Row and column of x at the first result's first tap. */
  readonly top: number;
  readonly left: number;
}

export function lowerWinogradWeightGradient(context: LoweringContext, gradient: WinogradWeightGradient): KernelCall[] {
  const { x, dy, dw, top, left } = gradient;
  const [images, , , depth] = nhwc(x);
  const [, resultHeight, resultWidth, channels] = nhwc(dy);
  const partialBytes = 16 * depth * channels * 4;
  const cut = cutGradient(depth, channels, partialBytes, PARTIAL_BYTES, MOST_DEPTH);
  const windowColumns = upTo(2, resultWidth) + 2;
  const windowRows = (rows: number) => upTo(2, rows) + 2;
  const windowBytes = (rows: number) => windowRows(rows) * windowColumns * cut.blockDepth * 4;
  const blockTiles = winogradBlockTiles(cut.blockDepth);
  const item = chooseItem(
    ...([images, resultHeight, resultWidth, windowBytes, WINDOW_BYTES, 4 * blockTiles, 2, cut.pixelChunks] as const),
  );
  const pixelChunks = Math.min(cut.pixelChunks, item.count);
  const tiles = item.images * Math.ceil(item.rows / 2) * Math.ceil(resultWidth / 2);
  const blockBytes = blockTiles * 64 * (cut.blockDepth + PANEL) + 2 * 16 * SKEW_BYTES;
  const scratch = context.workerScratch(item.images * windowBytes(item.rows) + 64 + blockBytes + upTo(4, tiles) * 16);
  const partials = context.scratch(pixelChunks * partialBytes);
  const reduceChunks = Math.min(TARGET_CHUNKS, Math.ceil((depth * channels) / 128));
  const { blockDepth, depthBlocks, blockPanels, panelBlocks } = cut;
  return [
    {
      kernel: 'winogradWeightGradient',
      chunks: pixelChunks * depthBlocks * panelBlocks,
      args: {
        ...convolutionArguments(context, x, dy, item, pixelChunks, scratch),
        ...{ partials, blockDepth, depthBlocks, blockPanels },
        ...{ top, left, windowRows: windowRows(item.rows), windowColumns, blockTiles },
      },
    },
    addPartialSums('reduceWinogradWeightGradient', reduceChunks, {
      ...{ partials, pixelChunks, dw: context.address(dw), kernelRows: depth, channels },
    }),
  ];
}
