/**
 * The steps of `convWinograd.ts` as calls of their own, for layers of so many channels that their weights fit no cache:
 * the transformed inputs of many tiles go to memory, so that the weights of a place are read once a block of tiles, of
 * which there may be as many as a cache holds of one place instead of all.
 */

import { multiply, WinogradArguments } from './convWinograd';
import { placesOf, SKEW, weightPlaceBytes } from './convWinogradTiles';

/** Channels are of one group. */
@unmanaged
class ApartWinogradArguments extends WinogradArguments {
  /** Inputs of all places as `multiply` reads them, then products [places][panels][tiles][8], places `SKEW` further apart. */
  transformed: usize;
  /** Panels of eight result channels of the call, to which `weights` and products belong. */
  firstPanel: i32;
  panels: i32;

  /** Slots of the call, a multiple of four. */
  @inline
  paddedTiles(): i32 {
    return (this.tiles() + 3) & -4;
  }

  @inline
  inputDistance(): usize {
    return <usize>(this.paddedTiles() * this.depth * 4) + SKEW;
  }

  @inline
  products(): usize {
    return this.transformed + this.inputDistance() * placesOf(this.edge);
  }

  @inline
  productDistance(): usize {
    return <usize>(this.paddedTiles() * this.panels * 32) + SKEW;
  }
}

export function transformWinogradInputs(args: ApartWinogradArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const pixelBytes = <usize>(depth << 2);
  const stage = args.scratchOf(worker);
  const window = args.windowOf(worker);
  const table = window + <usize>(args.itemImages * args.windowBytes(depth) + 63 & -64);
  const lastItem = args.firstItemOf(chunk + 1);
  for (let item = args.firstItemOf(chunk); item < lastItem; item++) {
    args.padItem(window, item, 0, depth);
    const tiles = args.tabulate(table, item, depth);
    args.assignSlots(table, item);
    args.transformInputs(stage, args.transformed, args.inputDistance(), pixelBytes << 2, 64, window, table, tiles, depth);
  }
}

/** Products of a quarter of the tiles, but not of a few, in one place. Chunk = 4 · place + quarter. */
export function multiplyWinograd(args: ApartWinogradArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const tiles = args.paddedTiles();
  const place = chunk >> 2;
  const begin = args.firstSlot(place) & -4;
  const needed = (args.endSlot(place) - begin + 3) & -4;
  const most = max(64, (needed / 4 + 3) & -4);
  const start = min((chunk & 3) * most, needed);
  const taken = min(most, needed - start);
  const first = begin + start;
  const placeBytes = weightPlaceBytes(depth);
  const panelBytes = placeBytes * placesOf(args.edge);
  const inputs = args.transformed + <usize>place * args.inputDistance() + <usize>first * (depth << 2);
  const weights = args.weights + <usize>place * placeBytes;
  const products = args.products() + <usize>place * args.productDistance() + <usize>(first << 5);
  const endPanel = min(args.panels, (args.endChannel(place) >> 3) - args.firstPanel);
  for (let panel = max(0, (args.firstChannel(place) >> 3) - args.firstPanel); panel < endPanel; panel++) {
    multiply(products + panel * (tiles << 5), inputs, weights + panel * panelBytes, taken, depth);
  }
}

export function transformWinogradResults(args: ApartWinogradArguments, chunk: i32, worker: i32): void {
  const table = args.scratchOf(worker);
  const tiles = args.paddedTiles();
  const lastItem = args.firstItemOf(chunk + 1);
  for (let item = args.firstItemOf(chunk); item < lastItem; item++) {
    const used = args.tabulate(table, item, args.depth);
    args.assignSlots(table, item);
    let products = args.products();
    for (let panel = 0; panel < args.panels; panel++, products += tiles << 5) {
      args.storeResults(item, args.firstPanel + panel << 3, table, used, products, args.productDistance());
    }
    args.measure(args.firstChunk + chunk, item);
  }
}
