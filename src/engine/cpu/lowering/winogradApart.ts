/** The steps of a Winograd convolution of many channels as calls of their own; see `kernels/convWinogradApart.ts`. */

import type { ArgumentBlock, KernelCall, LoweringContext } from '../lowered.js';
import { cutPasses, placesOf, skewBytes, type TileCut, type TileEdge, tileBytes } from './winogradTiles.js';

/** Transformed inputs and products of the tiles that are treated together. */
export const PASS_BYTES = 32 * 1024 * 1024;

/** `args`: as `convolveWinograd` takes them. */
export function winogradApart(
  context: LoweringContext,
  args: ArgumentBlock,
  cut: TileCut,
  edge: TileEdge,
  depth: number,
  channels: number,
): KernelCall[] {
  const { passes, bytes } = cutPasses(cut, tileBytes(edge, depth + channels), PASS_BYTES);
  const transformed = context.scratch(bytes + skewBytes(edge));
  return passes.flatMap((pass) => {
    const own = { ...args, ...pass, transformed };
    return [
      { kernel: 'transformWinogradInputs', chunks: pass.passChunks, args: own },
      { kernel: 'multiplyWinograd', chunks: 4 * placesOf(edge), args: own },
      { kernel: 'transformWinogradResults', chunks: pass.passChunks, args: own },
    ];
  });
}
