/**
 * The division of a weight gradient's work: chunks of pixels as long as their partial sums stay small, then blocks of
 * input channels and of panels of result channels, until there are about 32 chunks.
 */

import { PANEL, TARGET_CHUNKS } from './convolutionItems.js';

export interface GradientCut {
  readonly pixelChunks: number;
  readonly blockDepth: number;
  readonly depthBlocks: number;
  readonly blockPanels: number;
  readonly panelBlocks: number;
}

/** Divides the work. `budget`: bytes for the partial sums of all chunks of pixels. */
export function cutGradient(depth: number, channels: number, partialBytes: number, budget: number): GradientCut {
  const panels = Math.ceil(channels / PANEL);
  const pixelChunks = Math.min(TARGET_CHUNKS, Math.max(1, Math.floor(budget / partialBytes)));
  const channelChunks = Math.ceil(TARGET_CHUNKS / pixelChunks);
  const wanted = Math.ceil(Math.sqrt(channelChunks));
  // A block of input channels must be a multiple of the tile's four.
  const blockDepth = depth % 4 === 0 ? Math.ceil(depth / 4 / wanted) * 4 : depth;
  const depthBlocks = Math.ceil(depth / blockDepth);
  const blockPanels = Math.ceil(panels / Math.min(panels, Math.ceil(channelChunks / depthBlocks)));
  return { pixelChunks, blockDepth, depthBlocks, blockPanels, panelBlocks: Math.ceil(panels / blockPanels) };
}
