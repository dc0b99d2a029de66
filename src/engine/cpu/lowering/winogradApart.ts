/** The steps of a Winograd convolution of many channels as calls of their own; see `kernels/convWinogradApart.ts`. */

import type { Argument, ArgumentBlock, KernelCall, LoweringContext } from '../lowered.js';
import { PANEL } from './convolutionItems.js';
import { cutPasses, type PanelGroup, placesOf, type TileCut, type TileEdge } from './winogradTiles.js';

/** Transformed inputs and products of the tiles that are treated together. */
export const PASS_BYTES = 32 * 1024 * 1024;

/** `args`: as `convolveWinograd` takes them; `pack` packs the weights of some panels. */
export function winogradApart(
  context: LoweringContext,
  args: ArgumentBlock,
  cut: TileCut,
  edge: TileEdge,
  depth: number,
  groups: readonly PanelGroup[],
  pack: (group: PanelGroup) => KernelCall,
): KernelCall[] {
  const channels = groups[0]!.panels * PANEL;
  const { passes, transformed } = cutPasses(context, cut, edge, depth + channels, PASS_BYTES);
  return passes.flatMap((pass) => [
    {
      kernel: 'transformWinogradInputs',
      chunks: pass.passChunks,
      args: { ...args, ...pass, transformed, ...groups[0] },
    },
    ...groups.flatMap((group) => {
      const own: Record<string, Argument> = { ...args, ...pass, transformed, ...group };
      // They are measured when all channels are there.
      if (group !== groups.at(-1)) own.moments = 0;
      return [
        pack(group),
        { kernel: 'multiplyWinograd', chunks: 4 * placesOf(edge), args: own },
        { kernel: 'transformWinogradResults', chunks: pass.passChunks, args: own },
      ];
    }),
  ]);
}
