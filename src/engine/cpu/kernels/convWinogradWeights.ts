/** Packs the weights of Winograd convolutions, transformed, so that products read them in order. */

import { transformFourWeights, transformPartWeights } from './convWinogradFour';
import { transformSevenWeights } from './convWinogradSeven';
import { placesOf, weightPlaceBytes } from './convWinogradTiles';
import { transformTwoWeights } from './convWinogradTwo';

/** Strides in elements. */
@unmanaged
class WinogradPackingArguments {
  weights: usize;
  channelStride: i32;
  depth: i32;
  depthStride: i32;
  target: usize;
  /** From a tap to the next one; negative if taps are taken from last to first. */
  tapStride: i32;
  /** Panels of a group of channels, of all parts. */
  panels: i32;
  /** From a group's weights to the next one's. */
  groupStride: i32;
  /** As in `TiledArguments`; `depth` is that of all parts. */
  edge: i32;
  sourceStride: i32;
  resultStride: i32;
  /** The first panel of the call. */
  firstPanel: i32;
}

/** Packs G g Gᵀ as [groups][panels][places][depth][8]. Chunk + first panel = group · panels + panel. */
export function packWinogradWeights(args: WinogradPackingArguments, chunk: i32, worker: i32): void {
  const channelBytes = <usize>(args.channelStride << 2);
  const depth = args.depth;
  const depthStride = args.depthStride;
  const edge = args.edge;
  const rowBytes = <usize>(args.tapStride * (edge == 3 ? 28 : 12));
  const columnBytes = <usize>(args.tapStride << 2);
  const index = args.firstPanel + chunk;
  const first = max(0, args.tapStride * -8) + (index / args.panels) * args.groupStride;
  const partPanels = args.panels / (args.resultStride * args.resultStride);
  const panel = index % args.panels;
  const start = args.weights + <usize>(first << 2) + <usize>((panel % partPanels) << 3) * channelBytes;
  const partDepth = depth / (args.sourceStride * args.sourceStride);
  const distance = weightPlaceBytes(depth);
  let target = args.target + <usize>(chunk * placesOf(edge)) * distance;
  for (let i = 0; i < depth; i++, target += 32) {
    const source = start + <usize>((i % partDepth * depthStride) << 2);
    for (let half = 0; half < 2; half++) {
      const p = source + <usize>(half << 2) * channelBytes;
      const to = target + (half << 4);
      if (edge == 3) transformSevenWeights(to, distance, p, rowBytes, columnBytes, i / partDepth);
      else if (args.resultStride > 1) transformPartWeights(to, distance, p, rowBytes, columnBytes, channelBytes, panel / partPanels);
      else if (edge == 2) transformTwoWeights(to, distance, p, rowBytes, columnBytes, channelBytes);
      else transformFourWeights(to, distance, p, rowBytes, columnBytes, channelBytes);
    }
  }
}
