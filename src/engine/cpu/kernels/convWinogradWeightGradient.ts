/**
 * Weight gradient of a 3×3 convolution of stride 1 or 2, or a 7×7 one of stride 2, by the transposed algorithm of
 * F(6×6, 3×3), F(4×4, 3×3), F(5×5, 4×4) or F(3×3, 4×4), dW = Gᵀ[Σ (A dY Aᵀ) ⊙ (Bᵀ d B)]G over the tiles, in three
 * steps: inputs and gradients of the tiles of a pass are transformed to memory; each place sums its outer products over
 * them, 4 input × 8 result channels at a time; after the last pass the sums are transformed back.
 */

import { outerProducts } from './convWeightGradient';
import { transformFourGradient, transformFourSums, transformPartSums } from './convWinogradFour';
import { transformSevenSums } from './convWinogradSeven';
import { transformSixGradient, transformSixSums } from './convWinogradSix';
import { placesOf, SKEW, TILE_BYTES, TiledArguments, weightPlaceBytes } from './convWinogradTiles';
import { firstOfShare } from './shares';

/** `source` is x, `result` is dy; `edge` is 3 to 6. */
@unmanaged
class WinogradWeightGradientArguments extends TiledArguments {
  /** Inputs [places][depth / 4][tiles][4], then gradients [places][panels][tiles][8], places `SKEW` further apart. */
  transformed: usize;
  /** [panels][places][input channels of a group][8], places `SKEW` further apart. */
  sums: usize;
  dw: usize;
  /** Panels of eight result channels of the call. */
  firstPanel: i32;
  panels: i32;

  @inline
  inputDistance(): usize {
    return <usize>(this.tiles() * this.windowDepth() * 4) + SKEW;
  }

  @inline
  gradients(): usize {
    return this.transformed + this.inputDistance() * placesOf(this.edge);
  }

  @inline
  gradientDistance(): usize {
    return <usize>(this.tiles() * this.channels * 4) + SKEW;
  }
}

/** Chunks below `passChunks` transform inputs, further ones gradients. */
export function transformWinogradOperands(args: WinogradWeightGradientArguments, chunk: i32, worker: i32): void {
  const depth = args.windowDepth();
  const all = args.tiles();
  const takesInputs = chunk < args.passChunks;
  const index = chunk % args.passChunks;
  const stage = args.scratchOf(worker);
  const window = args.windowOf(worker);
  const table = window + <usize>(args.itemImages * args.windowBytes(depth) + 63 & -64);
  const lastItem = args.firstItemOf(index + 1);
  for (let item = args.firstItemOf(index); item < lastItem; item++) {
    const tiles = args.tabulate(table, item, depth);
    args.assignSlots(table, item);
    if (takesInputs) {
      args.padWindow(window, item);
      args.transformInputs(stage, args.transformed, args.inputDistance(), 64, <usize>all << 4, window, table, tiles, depth);
    } else {
      // Panels read parts of every pixel.
      args.touchItem(item);
      let gradients = args.gradients();
      for (let channel = 0; channel < args.channels; channel += 8, gradients += all << 5) {
        transformGradients(args, gradients, table, tiles, args.resultOf(item) + <usize>(channel << 2));
      }
    }
  }
}

/** A dY Aᵀ of each tile's gradients, zeros outside, of the 8 channels at `dy`. */
function transformGradients(
  args: WinogradWeightGradientArguments,
  target: usize,
  entries: usize,
  tiles: i32,
  dy: usize,
): void {
  const distance = args.gradientDistance();
  const pixelBytes = <usize>(args.channels << 2);
  const rowBytes = pixelBytes * args.resultWidth;
  for (let tile = 0; tile < tiles; tile++, entries += TILE_BYTES) {
    const rows = load<i32>(entries, 8);
    const columns = load<i32>(entries, 12);
    let from = dy + load<u32>(entries, 4);
    let to = target + (load<u32>(entries, 16) << 5);
    for (let half = 0; half < 2; half++, from += 16, to += 16) {
      if (args.side() == 8) transformSixGradient(args.edge, to, distance, from, rowBytes, pixelBytes, rows, columns);
      else transformFourGradient(args.edge, to, distance, from, rowBytes, pixelBytes, rows, columns);
    }
  }
}

/** Tiles whose operands of a place stay in the first cache while all channels are multiplied. */
const BLOCK_TILES = 256;

/** Adds the products of a pass in one place, for a quarter of the panels. Chunk = 4 · place + quarter. */
export function sumWinogradProducts(args: WinogradWeightGradientArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const depth = args.windowDepth() / groups;
  const allPanels = args.channels >> 3;
  const panels = args.panels;
  const tiles = args.tiles();
  const places = placesOf(args.edge);
  const placeBytes = weightPlaceBytes(depth);
  const place = chunk >> 2;
  const quarter = chunk & 3;
  const lastPanel = (quarter + 1) * panels >> 2;
  const firstDepth = args.firstDepth(place) / groups;
  const endDepth = args.endDepth(place) / groups;
  const inputs = args.transformed + <usize>place * args.inputDistance();
  const gradients = args.gradients() + <usize>place * args.gradientDistance();
  const firstTile = args.firstSlot(place);
  const lastTile = args.endSlot(place);
  let tile = firstTile;
  // Once at least, so that sums without any tile are zero.
  do {
    const used = min(BLOCK_TILES, lastTile - tile);
    const fresh = args.firstChunk == 0 && tile == firstTile;
    for (let panel = quarter * panels >> 2; panel < lastPanel; panel++) {
      const own = args.firstPanel + panel;
      const group = own * groups / allPanels;
      let target = args.sums + <usize>(panel * places + place) * placeBytes + (<usize>firstDepth << 5);
      let a = inputs + (<usize>((group * depth + firstDepth >> 2) * tiles + tile) << 4);
      const b = gradients + (<usize>(own * tiles + tile) << 5);
      for (let i = firstDepth; i < endDepth; i += 4, target += 128, a += tiles << 4) {
        inline.always(outerProducts(target, 4, fresh, a, b, 1, 1, used, 16, 0, 0));
      }
    }
    tile += BLOCK_TILES;
  } while (tile < lastTile);
}

/** As `TARGET_CHUNKS` of the lowering. */
const SUM_CHUNKS = 32;

/** dw = Gᵀ s G, the intermediate results in the place of the sums. */
export function transformWinogradSums(args: WinogradWeightGradientArguments, chunk: i32, worker: i32): void {
  const partDepth = args.depth / args.groups;
  const depth = args.windowDepth() / args.groups;
  const channels = args.channels;
  const distance = weightPlaceBytes(depth);
  const tapBytes = <usize>(partDepth * channels * 4);
  const all = args.panels * 2 * depth;
  const last = firstOfShare(chunk + 1, all, SUM_CHUNKS);
  for (let index = firstOfShare(chunk, all, SUM_CHUNKS); index < last; index++) {
    const half = index & 1;
    const i = (index >> 1) % depth;
    const panel = (index >> 1) / depth;
    const sums = args.sums + <usize>(panel * placesOf(args.edge)) * distance + <usize>((i << 5) + (half << 4));
    const dw = args.dw + <usize>((i % partDepth * channels + (args.firstPanel + panel) * 8 + half * 4) << 2);
    if (args.edge == 6) transformSixSums(dw, tapBytes, sums, distance);
    else if (args.edge & 1) transformSevenSums(args.edge, dw, tapBytes, sums, distance, i / partDepth);
    else if (args.sourceStride == 1) transformFourSums(dw, tapBytes, sums, distance);
    else transformPartSums(dw, tapBytes, sums, distance, i / partDepth);
  }
}
