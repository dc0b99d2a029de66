/**
 * 3×3 convolution of stride 1, forward or input gradient, and 7×7 of stride 2, by Winograd's algorithms. The transforms are fused around
 * the products: a block of tiles is transformed into scratch that stays in the second cache, and for each panel of 8
 * result channels a small matrix product for each place is computed and transformed back at once.
 */

import { accumulateMoments, momentsBytes } from './convMoments';
import { transformFourResult } from './convWinogradFour';
import { hasMoreColumns, hasMoreRows } from './convWinogradParts';
import { placesOf, SKEW, TILE_BYTES, TiledArguments, weightPlaceBytes } from './convWinogradTiles';
import { transformTwoResult } from './convWinogradTwo';
import { addProducts } from './integerProducts';
import { mad } from './mad';

@unmanaged
export class WinogradArguments extends TiledArguments {
  /** Or 0. */
  addend: usize;
  /** Moments of chunks, or 0. */
  moments: usize;
  weights: usize;
  blockTiles: i32;

  /** Transforms products in slots back to the results of 8 channels from `channel` on; places are `distance` apart. */
  storeResults(item: i32, channel: i32, entries: usize, tiles: i32, products: usize, distance: usize): void {
    const isTwo = this.edge == 2;
    const part = this.partOf(channel);
    const hasLastRow = part < 0 || hasMoreRows(part);
    const hasLastColumn = part < 0 || hasMoreColumns(part);
    const pixelBytes = this.pixelBytes();
    const rowBytes = this.rowBytes();
    const first = this.resultOf(item) + this.channelOffset(channel);
    const adds = this.addend != 0;
    const addend = this.addend - this.result;
    for (let tile = 0; tile < tiles; tile++, entries += TILE_BYTES) {
      const rows = load<i32>(entries, 8);
      const columns = load<i32>(entries, 12);
      let y = first + load<u32>(entries, 4);
      let p = products + (load<u32>(entries, 16) << 5);
      for (let half = 0; half < 2; half++, y += 16, p += 16) {
        if (isTwo) transformTwoResult(y, rowBytes, pixelBytes, rows, columns, addend, adds, p, distance);
        else {
          transformFourResult(
            this.edge,
            y,
            rowBytes,
            pixelBytes,
            rows,
            columns,
            addend,
            adds,
            p,
            distance,
            part >= 0,
            hasLastRow,
            hasLastColumn,
          );
        }
      }
    }
  }

  /** Adds the results of an item to the moments of its chunk, if they are wanted. */
  @inline
  measure(chunk: i32, item: i32): void {
    if (!this.moments) return;
    const pixels = this.imagesFrom(this.firstImage(item)) * this.rowsOf(item) * this.resultWidth;
    const block = this.moments + <usize>chunk * momentsBytes(this.channels);
    accumulateMoments(block, this.resultOf(item), pixels, this.channels, item == this.firstItem(chunk));
  }
}

export function convolveWinograd(args: WinogradArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const depth = args.windowDepth() / groups;
  const channels = args.channels / groups;
  const places = placesOf(args.edge);
  const blockTiles = args.blockTiles;
  const pixelBytes = depth * 4;
  const placeBytes = weightPlaceBytes(depth);
  const stage = args.scratchOf(worker);
  const window = args.windowOf(worker);
  const inputs = window + <usize>(args.itemImages * args.windowBytes(depth) + 63 & -64);
  const products = inputs + (<usize>(blockTiles * pixelBytes) + SKEW) * places;
  const table = products + (<usize>(blockTiles << 5) + SKEW) * places;
  const lastItem = args.firstItemOf(chunk + 1);
  for (let item = args.firstItemOf(chunk); item < lastItem; item++) {
    const image = args.firstImage(item);
    const tiles = args.tabulate(table, item, depth);
    // Groups and panels read parts of every pixel.
    if (groups > 1) args.touchSource(image, args.imagesFrom(image), args.top + args.firstRowOf(item), args.windowRows);
    args.touchItem(item);
    for (let group = 0; group < groups; group++) {
      if (groups == 1) args.padWindow(window, item);
      else args.padItem(window, item, group * depth, depth);
      for (let tile = 0; tile < tiles; tile += blockTiles) {
        const used = min(blockTiles, tiles - tile);
        const padded = (used + 3) & -4;
        const entries = table + <usize>(tile * TILE_BYTES);
        const distance = <usize>(padded * pixelBytes) + SKEW;
        const productDistance = (<usize>padded << 5) + SKEW;
        args.transformInputs(stage, inputs - tile * pixelBytes, distance, pixelBytes << 2, 64, window, entries, used, depth);
        for (let channel = group * channels; channel < (group + 1) * channels; channel += 8) {
          let w = args.weights + <usize>((channel >> 3) * places) * placeBytes;
          let a = inputs;
          let c = products;
          for (let place = 0; place < places; place++) {
            inline.always(multiply(c, a, w, padded, depth));
            w += placeBytes;
            a += distance;
            c += productDistance;
          }
          args.storeResults(item, channel, entries, used, products - (tile << 5), productDistance);
        }
      }
    }
    args.measure(args.firstChunk + chunk, item);
  }
}

/**
 * products [tiles][8] = inputs · weights [depth][8] of one place, for a multiple of four tiles. Inputs are [tiles / 4][depth / 4]
 * [four tiles][four channels], so that a product reads them in order, which caches expect.
 */
export function multiply(products: usize, inputs: usize, weights: usize, tiles: i32, depth: i32): void {
  multiplyWords(false, products, inputs, weights, tiles, depth);
}

/** The same of words that are floats or, with `isCodes`, pairs of codes; `depth` is their number, a multiple of four. */
@inline
export function multiplyWords(
  isCodes: bool,
  products: usize,
  inputs: usize,
  weights: usize,
  tiles: i32,
  depth: i32,
): void {
  const length = <usize>(depth << 4);
  for (let tile = 0; tile < tiles; tile += 4, products += 128) {
    let w = weights;
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0);
    let c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0);
    let c31 = f32x4.splat(0);
    for (const end = inputs + length; inputs < end; inputs += 48) {
      // A loop, since V8 would load all operands of four products first, and spill them.
      const next = inputs + 16;
      do {
        const b0 = v128.load(w);
        const b1 = v128.load(w, 16);
        let a = v128.load32_splat(inputs);
        c00 = accumulateWords(isCodes, a, b0, c00);
        c01 = accumulateWords(isCodes, a, b1, c01);
        a = v128.load32_splat(inputs, 16);
        c10 = accumulateWords(isCodes, a, b0, c10);
        c11 = accumulateWords(isCodes, a, b1, c11);
        a = v128.load32_splat(inputs, 32);
        c20 = accumulateWords(isCodes, a, b0, c20);
        c21 = accumulateWords(isCodes, a, b1, c21);
        a = v128.load32_splat(inputs, 48);
        c30 = accumulateWords(isCodes, a, b0, c30);
        c31 = accumulateWords(isCodes, a, b1, c31);
        w += 32;
        inputs += 4;
      } while (inputs < next);
    }
    v128.store(products, c00);
    v128.store(products, c01, 16);
    v128.store(products, c10, 32);
    v128.store(products, c11, 48);
    v128.store(products, c20, 64);
    v128.store(products, c21, 80);
    v128.store(products, c30, 96);
    v128.store(products, c31, 112);
  }
}

@inline
function accumulateWords(isCodes: bool, a: v128, b: v128, sum: v128): v128 {
  return isCodes ? addProducts(a, b, sum) : mad(a, b, sum);
}
