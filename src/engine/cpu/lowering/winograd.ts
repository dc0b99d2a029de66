/** Stride-1 3×3 convolutions, forward and input gradient, as calls of the Winograd kernels. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { Window } from '../../../ops/window.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import {
  type Convolution,
  chooseItem,
  convolutionArguments,
  gatherMoments,
  PANEL,
  TARGET_CHUNKS,
  upTo,
} from './convolutionItems.js';
import { winogradApart } from './winogradApart.js';

const WINDOW_BYTES = 96 * 1024;
/**
 * Bytes of a block's transformed inputs: with a panel of weights and of products they should stay in the second cache.
 */
const BLOCK_BYTES = 128 * 1024;
/** Input times result channels from which transformed weights, 4 MiB and more, do not fit into a second-level cache. */
const LARGE_WEIGHTS = 65536;
/** As in `kernels/convWinogradTransforms.ts`. */
const SKEW_BYTES = 64;

export interface WinogradConvolution extends Convolution {
  /** True for taps from last to first, as the input gradient needs them. */
  readonly rotated: boolean;
  /** Row and column of the source at the first result's first tap. */
  readonly top: number;
  readonly left: number;
}

/**
 * Tells whether the kernels apply: 3×3 taps without dilation, stride 1, input channels a multiple of four and result
 * channels of eight.
 */
export function winogradApplies(weights: Tensor, { rows, columns }: Window, depth: number, channels: number): boolean {
  const [tapRows, tapColumns] = nhwc(weights);
  const isDense = [rows, columns].every(({ stride, dilation }) => stride === 1 && dilation === 1);
  return tapRows === 3 && tapColumns === 3 && isDense && depth % 4 === 0 && channels % PANEL === 0;
}

/** Tiling of results computed from `depth` input channels into at least `chunks` items, and the scratch of a worker. */
export function cutTiles(source: Tensor, result: Tensor, depth: number, chunks: number) {
  const [, height, width] = nhwc(result);
  const windowColumns = upTo(2, width) + 2;
  const windowRows = (rows: number) => upTo(2, rows) + 2;
  const windowBytes = (rows: number) => windowRows(rows) * windowColumns * depth * 4;
  // More share a panel of weights, fewer stay in the cache.
  const blockTiles = Math.min(64, Math.max(16, Math.floor(BLOCK_BYTES / (64 * depth) / 4) * 4));
  const item = chooseItem(nhwc(source)[0], height, width, windowBytes, WINDOW_BYTES, 4 * blockTiles, 2, chunks);
  const itemTiles = item.images * Math.ceil(item.rows / 2) * Math.ceil(width / 2);
  const blockBytes = 64 * blockTiles * (depth + PANEL) + 2 * 16 * SKEW_BYTES;
  return {
    item,
    itemTiles,
    scratchBytes: item.images * windowBytes(item.rows) + 64 + blockBytes + itemTiles * 16,
    args: { windowRows: windowRows(item.rows), windowColumns, blockTiles },
  };
}

export function lowerWinograd(context: LoweringContext, convolution: WinogradConvolution): KernelCall[] {
  const { source, weights, weightStrides, rotated, result, addend, moments, groups, top, left } = convolution;
  const allChannels = nhwc(result)[3];
  const [depth, channels] = [nhwc(source)[3] / groups, allChannels / groups];
  const cut = cutTiles(source, result, depth, TARGET_CHUNKS);
  const chunks = Math.min(TARGET_CHUNKS, cut.item.count);
  const scratch = context.workerScratch(cut.scratchBytes);
  const combined = gatherMoments(context, moments, chunks, allChannels);
  const packed = context.scratch((allChannels / PANEL) * 16 * (depth * PANEL * 4 + SKEW_BYTES));
  const direction = rotated ? -1 : 1;
  const args = {
    ...convolutionArguments(context, source, result, cut.item, chunks, scratch),
    ...{ addend: addend ? context.address(addend) : 0, moments: combined.blocks, weights: packed },
    ...{ top, left, ...cut.args, groups },
  };
  return [
    {
      kernel: 'packWinogradWeights',
      chunks: allChannels / PANEL,
      args: {
        ...{ weights: context.address(weights), channelStride: weightStrides.channel },
        ...{ depth, depthStride: weightStrides.depth, target: packed },
        first: rotated ? 2 * (weightStrides.row + weightStrides.column) : 0,
        ...{ rowStride: direction * weightStrides.row, columnStride: direction * weightStrides.column },
        ...{ panels: channels / PANEL, groupStride: nhwc(weights)[3] / groups },
      },
    },
    ...(groups === 1 && depth * channels >= LARGE_WEIGHTS
      ? winogradApart(context, args, chunks, Math.ceil(cut.item.count / chunks) * cut.itemTiles, depth, channels)
      : [{ kernel: 'convolveWinograd', chunks, args }]),
    ...combined.calls,
  ];
}
