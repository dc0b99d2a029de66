/** Packs the weights of Winograd convolutions, transformed, so that products read them in order. */

import { transformFourWeights } from './convWinogradFour';
import { placesOf, weightPlaceBytes } from './convWinogradTiles';
import { transformTwoWeights } from './convWinogradTwo';

/** Strides in elements; negative ones rotate. */
@unmanaged
class WinogradPackingArguments {
  weights: usize;
  channelStride: i32;
  depth: i32;
  depthStride: i32;
  target: usize;
  /** Element. */
  first: i32;
  rowStride: i32;
  columnStride: i32;
  /** Panels of a group of channels. */
  panels: i32;
  /** From a group's weights to the next one's. */
  groupStride: i32;
  /** Of a tile. */
  edge: i32;
}

/** Packs G g Gᵀ as [groups][panels][places][depth][8]. Chunk = group · panels + panel. */
export function packWinogradWeights(args: WinogradPackingArguments, chunk: i32, worker: i32): void {
  const channelBytes = <usize>(args.channelStride << 2);
  const depth = args.depth;
  const depthStride = args.depthStride;
  const rowBytes = <usize>(args.rowStride << 2);
  const columnBytes = <usize>(args.columnStride << 2);
  const first = args.first + (chunk / args.panels) * args.groupStride;
  const start = args.weights + <usize>(first << 2) + <usize>((chunk % args.panels) << 3) * channelBytes;
  const edge = args.edge;
  const distance = weightPlaceBytes(depth);
  let target = args.target + <usize>(chunk * placesOf(edge)) * distance;
  for (let i = 0; i < depth; i++, target += 32) {
    const source = start + <usize>((i * depthStride) << 2);
    for (let half = 0; half < 2; half++) {
      const p = source + <usize>(half << 2) * channelBytes;
      const to = target + (half << 4);
      if (edge == 2) transformTwoWeights(to, distance, p, rowBytes, columnBytes, channelBytes);
      else transformFourWeights(to, distance, p, rowBytes, columnBytes, channelBytes);
    }
  }
}
