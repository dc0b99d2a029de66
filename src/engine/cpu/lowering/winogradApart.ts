/** The steps of a Winograd convolution of many channels as calls of their own; see `kernels/convWinogradApart.ts`. */

import type { ArgumentBlock, KernelCall, LoweringContext } from '../lowered.js';

/** Transformed inputs and products of the tiles that are treated together. */
const PASS_BYTES = 32 * 1024 * 1024;

/** `args`: as `convolveWinograd` takes them; `chunkTiles`: tiles of its largest chunk. */
export function winogradApart(
  context: LoweringContext,
  args: ArgumentBlock,
  chunks: number,
  chunkTiles: number,
  depth: number,
  channels: number,
): KernelCall[] {
  const tileBytes = 64 * (depth + channels);
  const step = Math.min(chunks, Math.ceil(PASS_BYTES / (tileBytes * chunkTiles)));
  // Tiles are rounded up to four, and 16 places skewed twice.
  const transformed = context.scratch(tileBytes * (step * chunkTiles + 4) + 2048);
  return Array.from({ length: Math.ceil(chunks / step) }, (_, pass) => {
    const own = { ...args, firstChunk: pass * step, step, transformed };
    return [
      { kernel: 'transformWinogradInputs', chunks: step, args: own },
      { kernel: 'multiplyWinograd', chunks: 64, args: own },
      { kernel: 'transformWinogradResults', chunks: step, args: own },
    ];
  }).flat();
}
