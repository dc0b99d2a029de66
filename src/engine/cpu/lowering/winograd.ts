/**
 * Convolutions of 3×3 taps, forward and input gradient, and of 7×7 taps and stride 2 as calls of the Winograd kernels, whose
 * tiles `winogradEdge` and `convolution.ts` choose.
 */

import { nhwc } from '../../../graph/tensor.js';
import type { KernelCall, LoweringContext } from '../lowered.js';
import { type Convolution, gatherMoments, PANEL, TARGET_CHUNKS } from './convolutionItems.js';
import { winogradApart } from './winogradApart.js';
import {
  cutPanels,
  cutTiles,
  type PanelGroup,
  partsOfWholeProducts,
  skewBytes,
  type TileCut,
  type TiledConvolution,
  tileBytes,
  tilesOf,
  weightBytes,
} from './winogradTiles.js';

const WINDOW_BYTES = 96 * 1024;
/**
 * Bytes of a block's transformed inputs: with a panel of weights and of products they should stay in the second cache.
 */
const BLOCK_BYTES = 128 * 1024;
/** Bytes of transformed weights that do not fit into a second-level cache. */
export const LARGE_WEIGHT_BYTES = 4 * 1024 * 1024;

export interface WinogradConvolution extends Convolution, TiledConvolution {
  /** True for taps from last to first, as the input gradient needs them. */
  readonly rotated: boolean;
}

export function lowerWinograd(context: LoweringContext, convolution: WinogradConvolution): KernelCall[] {
  const { source, sourceStride, edge, weights, weightStrides, rotated, result, resultStride, addend, moments, groups } =
    convolution;
  const allChannels = nhwc(result)[3] * resultStride ** 2;
  const [depth, channels] = [(nhwc(source)[3] * sourceStride ** 2) / groups, allChannels / groups];
  // Other bands would have other moments, in last bits.
  const rowMultiple = moments ? 1 : partsOfWholeProducts(tilesOf(edge, edge, nhwc(result)[2] / resultStride));
  const { cut, blockTiles } = cutBlocks(convolution, depth, rowMultiple);
  const blockBytes = blockTiles * tileBytes(edge, depth + PANEL) + skewBytes(edge);
  const scratch = context.workerScratch(cut.bytes + blockBytes);
  const combined = gatherMoments(context, moments, cut.chunks, allChannels);
  const isApart = resultStride === 2 || (groups === 1 && tileBytes(edge, depth * channels) >= LARGE_WEIGHT_BYTES);
  const panelGroups = cutPanels(edge, depth, allChannels, isApart);
  const packed = context.scratch(weightBytes(edge, depth, panelGroups[0]!.panels * PANEL));
  const args = {
    ...cut.arguments(context, scratch),
    ...{ addend: addend ? context.address(addend) : 0, moments: combined.blocks, weights: packed, blockTiles },
  };
  const pack = ({ firstPanel, panels }: PanelGroup): KernelCall => ({
    kernel: 'packWinogradWeights',
    chunks: panels,
    args: {
      ...{ weights: context.address(weights), channelStride: weightStrides.channel },
      ...{ depth, depthStride: weightStrides.depth, target: packed },
      tapStride: rotated ? -weightStrides.column : weightStrides.column,
      ...{ panels: channels / PANEL, groupStride: nhwc(weights)[3] / groups, edge },
      ...{ sourceStride, resultStride, firstPanel },
    },
  });
  const calls = isApart
    ? winogradApart(context, args, cut, edge, depth, panelGroups, pack)
    : [...panelGroups.map(pack), { kernel: 'convolveWinograd', chunks: cut.chunks, args }];
  return [...calls, ...combined.calls];
}

/**
 * Cuts a batch into items of one block of tiles, as far as windows have room. Bands of rows are a multiple of `rowMultiple` of
 * tiles, even if windows have no room for them.
 */
export function cutBlocks(
  convolution: TiledConvolution,
  depth: number,
  rowMultiple = 1,
): { cut: TileCut; blockTiles: number } {
  // More share a panel of weights, fewer stay in the cache.
  const tiles = Math.floor(BLOCK_BYTES / tileBytes(convolution.edge, depth) / 4) * 4;
  const blockTiles = Math.min(64, Math.max(16, tiles));
  return { cut: cutTiles(convolution, depth, blockTiles, WINDOW_BYTES, TARGET_CHUNKS, rowMultiple), blockTiles };
}
