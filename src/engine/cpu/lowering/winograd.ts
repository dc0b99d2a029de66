/** Stride-1 3×3 convolutions, forward and input gradient, as calls of the Winograd kernels. */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { Window } from '../../../ops/window.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import { chooseItem, convolutionArguments, gatherMoments, PANEL, TARGET_CHUNKS, upTo } from './convolutionItems.js';

const WINDOW_BYTES = 96 * 1024;
/**
 * Bytes of a block's transformed inputs: with a panel of weights and of products they should stay in the second cache.
 */
const BLOCK_BYTES = 128 * 1024;
/** As in `kernels/convWinogradTransforms.ts`. */
export const SKEW_BYTES = 64;

export interface WinogradConvolution {
  readonly source: Tensor;
  readonly weights: Tensor;
  /** Distances in elements; `channel` and `depth` are those of the result and of the source. */
  readonly weightStrides: Readonly<Record<'channel' | 'depth' | 'column' | 'row', number>>;
  /** True for taps from last to first, as the input gradient needs them. */
  readonly rotated: boolean;
  readonly result: Tensor;
  readonly addend: Tensor | null;
  readonly moments: Tensor | null;
  readonly groups: number;
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

/** Tiles of a block: more share a panel of weights, fewer stay in the cache. */
export function winogradBlockTiles(depth: number): number {
  return Math.min(64, Math.max(16, Math.floor(BLOCK_BYTES / (64 * depth) / 4) * 4));
}

export function lowerWinograd(context: LoweringContext, convolution: WinogradConvolution): KernelCall[] {
  const { source, weights, weightStrides, rotated, result, addend, moments, groups, top, left } = convolution;
  const [images, , , allDepth] = nhwc(source);
  const [, resultHeight, resultWidth, allChannels] = nhwc(result);
  const [depth, channels] = [allDepth / groups, allChannels / groups];
  const windowColumns = upTo(2, resultWidth) + 2;
  const windowRows = (rows: number) => upTo(2, rows) + 2;
  const windowBytes = (rows: number) => windowRows(rows) * windowColumns * depth * 4;
  const blockTiles = winogradBlockTiles(depth);
  const item = chooseItem(images, resultHeight, resultWidth, windowBytes, WINDOW_BYTES, 4 * blockTiles, 2);
  const chunks = Math.min(TARGET_CHUNKS, item.count);
  const tiles = item.images * Math.ceil(item.rows / 2) * Math.ceil(resultWidth / 2);
  const scratch = context.workerScratch(
    item.images * windowBytes(item.rows) +
      64 +
      2 * 16 * SKEW_BYTES +
      blockTiles * (64 * depth + 64 * PANEL) +
      upTo(4, tiles) * 16,
  );
  const combined = gatherMoments(context, moments, chunks, allChannels);
  const packedBytes = 16 * depth * channels * 4;
  const packed = context.scratch(groups * packedBytes);
  const outputsOfGroup = nhwc(weights)[3] / groups;
  const direction = rotated ? -1 : 1;
  return [
    ...Array.from({ length: groups }, (_, group) => ({
      kernel: 'packWinogradWeights',
      chunks: channels / PANEL,
      args: {
        ...{ weights: context.address(weights), channelStride: weightStrides.channel },
        ...{ depth, depthStride: weightStrides.depth, target: packed + group * packedBytes },
        first: group * outputsOfGroup + (rotated ? 2 * (weightStrides.row + weightStrides.column) : 0),
        ...{ rowStride: direction * weightStrides.row, columnStride: direction * weightStrides.column },
      },
    })),
    {
      kernel: 'convolveWinograd',
      chunks,
      args: {
        ...convolutionArguments(context, source, result, item, chunks, scratch),
        ...{ addend: addend ? context.address(addend) : 0, moments: combined.blocks, weights: packed },
        ...{ top, left, windowRows: windowRows(item.rows), windowColumns, blockTiles, groups },
      },
    },
    ...combined.calls,
  ];
}
