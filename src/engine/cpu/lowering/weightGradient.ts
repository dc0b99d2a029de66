/**
 * The weight gradient as kernel calls: chunks of pixels, and of input and result channels where the gradient is large,
 * leave partial sums that a second call adds in order. 3×3 layers of stride 1, many of stride 2, and 7×7 ones of
 * stride 2 go by Winograd.
 */

import type { Node } from '../../../graph/graph.js';
import { nhwc } from '../../../graph/tensor.js';
import { extentOf, type Window } from '../../../ops/window.js';
import type { KernelCall, Lowering, LoweringContext } from '../lowered.js';
import {
  addPartialSums,
  chooseItem,
  convolutionArguments,
  groupsOf,
  ITEM_PIXELS,
  PANEL,
  TARGET_CHUNKS,
  windowArguments,
} from './convolutionItems.js';
import { cutGradient } from './gradientCut.js';
import { forwardPlace, type TileEdge, winogradEdge } from './winogradTiles.js';
import { lowerWinogradWeightGradient } from './winogradWeightGradient.js';

/** Bytes that a tile reads repeatedly; smaller items flush their sums too often (measured). */
const WINDOW_BYTES = 96 * 1024;
const PARTIAL_BYTES = 16 * 1024 * 1024;

/** Rows, and columns, of results from which on larger tiles save a sixth of the products and more. */
const MANY_ROWS = 24;
/** Input channels times result channels from which on that of 3×3 taps is more than what transforms cost. */
const MANY_WEIGHTS = 64 ** 2;

export const conv2dWeightGradient: Lowering<'conv2dWeightGradient'> = lowerWeightGradient;
export const groupedConv2dWeightGradient: Lowering<'groupedConv2dWeightGradient'> = lowerWeightGradient;

function lowerWeightGradient(
  node: Node<'conv2dWeightGradient'> | Node<'groupedConv2dWeightGradient'>,
  context: LoweringContext,
): KernelCall[] {
  const { x, dy } = node.operands;
  const { dw } = node.results;
  const { rows, columns } = node.attributes;
  const groups = groupsOf(node.attributes);
  const images = nhwc(x)[0];
  const [, resultHeight, resultWidth, allChannels] = nhwc(dy);
  const [tapRows, tapColumns, depth] = nhwc(dw);
  const channels = allChannels / groups;
  const largest = winogradEdge(dw, node.attributes, depth, channels, groups, resultHeight, resultWidth);
  if (largest) {
    const edge = largerEdge(largest, node.attributes, depth * channels, groups, Math.min(resultHeight, resultWidth));
    const place = forwardPlace(node.attributes, edge);
    return lowerWinogradWeightGradient(context, { x, dy, dw, edge, groups, ...place });
  }

  const panels = Math.ceil(channels / PANEL);
  const kernelRows = tapRows * tapColumns * depth;
  const partialBytes = groups * panels * kernelRows * PANEL * 4;
  const cut = cutGradient(depth, channels, partialBytes, PARTIAL_BYTES);
  const windowColumns = (resultWidth - 1) * columns.stride + extentOf(tapColumns, columns.dilation);
  const rowBytes = windowColumns * cut.blockDepth * 4;
  const windowBytes = (count: number) => ((count - 1) * rows.stride + extentOf(tapRows, rows.dilation)) * rowBytes;
  const item = chooseItem(
    ...([images, resultHeight, resultWidth, windowBytes, WINDOW_BYTES, 4 * ITEM_PIXELS, 1, cut.pixelChunks] as const),
  );
  const pixelChunks = Math.min(cut.pixelChunks, item.count);
  const packedBytes = item.images * item.rows * resultWidth * cut.blockPanels * PANEL * 4;
  const scratch = context.workerScratch(item.images * windowBytes(item.rows) + packedBytes + 128);
  const partials = context.scratch(pixelChunks * partialBytes);
  const reduceChunks = Math.min(TARGET_CHUNKS, Math.ceil((groups * panels * kernelRows) / 64));
  const { blockDepth, depthBlocks, blockPanels, panelBlocks } = cut;
  return [
    {
      kernel: 'convolutionWeightGradient',
      chunks: pixelChunks * depthBlocks * panelBlocks,
      args: {
        ...convolutionArguments(context, x, dy, item, pixelChunks, scratch),
        ...{ partials, blockDepth, depthBlocks, blockPanels, groups },
        ...windowArguments(dw, node.attributes),
      },
    },
    addPartialSums(
      reduceChunks,
      { partials, pixelChunks, dw: context.address(dw), kernelRows, channels: allChannels },
      groups,
    ),
  ];
}

/** F(6×6, 3×3) instead of F(4×4, 3×3), or F(5×5, 4×4) instead of F(3×3, 4×4), for results of many rows. */
function largerEdge(edge: 3 | 4, { rows }: Window, weights: number, groups: number, resultRows: number): TileEdge {
  if (resultRows < MANY_ROWS) return edge;
  if (edge === 3) return 5;
  return rows.stride === 1 && groups === 1 && weights >= MANY_WEIGHTS ? 6 : edge;
}
