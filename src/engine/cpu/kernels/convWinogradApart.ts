/**
 * The steps of `convWinograd.ts` as calls of their own, for layers of so many channels that their weights fit no cache:
 * the transformed inputs of many tiles go to memory, so that the weights of a place are read once a block of tiles, of
 * which there may be as many as a cache holds of one place instead of all 16.
 */

import { multiply, transformTiles, WinogradArguments } from './convWinograd';
import { SKEW, winogradPanelBytes } from './convWinogradTransforms';

/** Some chunks, whose inputs and products have room in memory together; their channels are of one group. */
@unmanaged
class ApartWinogradArguments extends WinogradArguments {
  firstChunk: i32;
  /** Number of chunks; fewer at the end. */
  step: i32;
  /** Inputs [16][tiles][depth], then products [16][panels][tiles][8], places `SKEW` further apart. */
  transformed: usize;

  /** The first item of chunk `index` of these. */
  @inline
  firstItemOf(index: i32): i32 {
    return this.firstItem(min(this.firstChunk + index, this.chunks));
  }

  /** Where the tiles of an item begin among those of all images. */
  @inline
  tileOf(item: i32): i32 {
    const image = min(this.firstImage(item), this.images);
    const tileRow = image * ((this.resultHeight + 1) >> 1) + (this.firstRow(item) >> 1);
    return tileRow * ((this.resultWidth + 1) >> 1);
  }

  /** Where the tiles of the first chunk begin. */
  @inline
  firstTile(): i32 {
    return this.tileOf(this.firstItemOf(0));
  }

  /** Tiles of the chunks, and up to three more. */
  @inline
  tiles(): i32 {
    return (this.tileOf(this.firstItemOf(this.step)) - this.firstTile() + 3) & -4;
  }

  @inline
  inputDistance(): usize {
    return <usize>(this.tiles() * this.depth * 4) + SKEW;
  }

  @inline
  products(): usize {
    return this.transformed + (this.inputDistance() << 4);
  }

  @inline
  productDistance(): usize {
    return <usize>(this.tiles() * this.channels * 4) + SKEW;
  }
}

export function transformWinogradInputs(args: ApartWinogradArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const window = args.scratchOf(worker);
  const table = window + <usize>(args.itemImages * args.windowBytes() + 63 & -64);
  const lastItem = args.firstItemOf(chunk + 1);
  for (let item = args.firstItemOf(chunk); item < lastItem; item++) {
    args.padItem(window, item, 0, depth);
    const inputs = args.transformed + <usize>(args.tileOf(item) - args.firstTile()) * (depth << 2);
    const tiles = args.tabulate(item, table);
    transformTiles(inputs, args.inputDistance(), window, table, tiles, args.windowRowBytes(), depth);
  }
}

/** Products of a quarter of the tiles, but not of a few, in one place. Chunk = 4 · place + quarter. */
export function multiplyWinograd(args: ApartWinogradArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const tiles = args.tiles();
  const place = chunk >> 2;
  const most = max(64, (tiles / 4 + 3) & -4);
  const first = min((chunk & 3) * most, tiles);
  const taken = min(most, tiles - first);
  const panelBytes = winogradPanelBytes(depth);
  const inputs = args.transformed + <usize>place * args.inputDistance() + <usize>first * (depth << 2);
  let products = args.products() + <usize>place * args.productDistance() + <usize>(first << 5);
  let weights = args.weights + <usize>place * (panelBytes >> 4);
  for (let channel = 0; channel < args.channels; channel += 8, weights += panelBytes, products += tiles << 5) {
    multiply(products, inputs, weights, taken, depth);
  }
}

export function transformWinogradResults(args: ApartWinogradArguments, chunk: i32, worker: i32): void {
  const table = args.scratchOf(worker);
  const lastItem = args.firstItemOf(chunk + 1);
  for (let item = args.firstItemOf(chunk); item < lastItem; item++) {
    const tiles = args.tabulate(item, table);
    let products = args.products() + <usize>((args.tileOf(item) - args.firstTile()) << 5);
    for (let channel = 0; channel < args.channels; channel += 8, products += args.tiles() << 5) {
      args.storeResults(item, channel, table, tiles, products, args.productDistance());
    }
    args.measure(args.firstChunk + chunk, item);
  }
}
