/**
 * 3×3 convolution of stride 1, forward or input gradient, by Winograd's F(2×2, 3×3). The transforms are fused around
 * the products: a block of tiles is transformed into scratch that stays in the second cache, and for each panel of 8
 * result channels 16 small matrix products are computed and transformed back at once.
 */

import { accumulateMoments, momentsBytes } from './convMoments';
import { ConvolutionArguments } from './convolutionArguments';
import { SKEW, TILE_BYTES, tabulateTiles, transformInput, winogradPanelBytes } from './convWinogradTransforms';
import { mad } from './mad';

@unmanaged
export class WinogradArguments extends ConvolutionArguments {
  /** Or 0. */
  addend: usize;
  /** Moments of chunks, or 0. */
  moments: usize;
  weights: usize;
  /** First row and column of the window of band 0. */
  top: i32;
  left: i32;
  windowRows: i32;
  windowColumns: i32;
  blockTiles: i32;
  /** Groups of channels that are independent of each other. */
  groups: i32;

  @inline
  windowRowBytes(): i32 {
    return this.windowColumns * (this.depth / this.groups) * 4;
  }

  @inline
  windowBytes(): i32 {
    return this.windowRows * this.windowRowBytes();
  }

  /** Where the first result of an item lies. */
  @inline
  resultOf(item: i32): usize {
    const row = this.firstImage(item) * this.resultHeight + this.firstRow(item);
    return this.result + <usize>(row * this.resultWidth) * (this.channels << 2);
  }

  /** Lists the tiles of an item; their number. */
  tabulate(item: i32, table: usize): i32 {
    const rowBytes = this.resultWidth * this.channels * 4;
    return tabulateTiles(
      table,
      this.imagesFrom(this.firstImage(item)),
      this.rowsFrom(this.firstRow(item)),
      this.resultWidth,
      this.windowBytes(),
      this.windowRowBytes(),
      (this.depth / this.groups) * 4,
      this.resultHeight * rowBytes,
      rowBytes,
      this.channels * 4,
    );
  }

  /** Copies the window of an item, `taken` channels from `channel` on. */
  @inline
  padItem(target: usize, item: i32, channel: i32, taken: i32): void {
    const image = this.firstImage(item);
    const top = this.top + this.firstRow(item);
    const count = this.imagesFrom(image);
    this.padImages(target, image, count, top, this.left, this.windowRows, this.windowColumns, channel, taken);
  }

  /** Transforms products back to the results of 8 channels from `channel` on; `distance` apart are those of the 16 places. */
  @inline
  storeResults(item: i32, channel: i32, entries: usize, tiles: i32, products: usize, distance: usize): void {
    const addend = this.addend;
    transformResult(
      entries,
      tiles,
      this.resultOf(item) + <usize>(channel << 2),
      addend ? addend - this.result : 0,
      addend != 0,
      products,
      distance,
      this.resultWidth * this.channels * 4,
      this.channels << 2,
    );
  }

  /** Adds the results of an item to the moments of its chunk, if they are wanted. */
  @inline
  measure(chunk: i32, item: i32): void {
    if (!this.moments) return;
    const pixels = this.imagesFrom(this.firstImage(item)) * this.rowsFrom(this.firstRow(item)) * this.resultWidth;
    const block = this.moments + <usize>chunk * momentsBytes(this.channels);
    accumulateMoments(block, this.resultOf(item), pixels, this.channels, item == this.firstItem(chunk));
  }
}

export function convolveWinograd(args: WinogradArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const depth = args.depth / groups;
  const channels = args.channels / groups;
  const blockTiles = args.blockTiles;
  const pixelBytes = depth * 4;
  const panelBytes = winogradPanelBytes(depth);
  const window = args.scratchOf(worker);
  const inputs = window + <usize>(args.itemImages * args.windowBytes() + 63 & -64);
  const products = inputs + <usize>(blockTiles * pixelBytes * 16) + SKEW * 16;
  const table = products + <usize>(blockTiles * 512) + SKEW * 16;
  const lastItem = args.firstItem(chunk + 1);
  for (let item = args.firstItem(chunk); item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const tiles = args.tabulate(item, table);
    // Groups and panels read parts of every pixel.
    if (groups > 1) args.touchSource(image, count, args.top + firstRow, args.windowRows);
    args.touchResult(image, count, firstRow, args.rowsFrom(firstRow), 0, args.channels);
    for (let group = 0; group < groups; group++) {
      args.padItem(window, item, group * depth, depth);
      for (let tile = 0; tile < tiles; tile += blockTiles) {
        const used = min(blockTiles, tiles - tile);
        const padded = (used + 3) & -4;
        const entries = table + <usize>(tile * TILE_BYTES);
        const distance = <usize>(padded * pixelBytes) + SKEW;
        const productDistance = (<usize>padded << 5) + SKEW;
        transformTiles(inputs, distance, window, entries, used, args.windowRowBytes(), depth);
        for (let channel = group * channels; channel < (group + 1) * channels; channel += 8) {
          let w = args.weights + <usize>(channel >> 3) * panelBytes;
          let a = inputs;
          let c = products;
          for (let place = 0; place < 16; place++) {
            inline.always(multiply(c, a, w, padded, depth));
            w += panelBytes >> 4;
            a += distance;
            c += productDistance;
          }
          args.storeResults(item, channel, entries, used, products, productDistance);
        }
      }
    }
    args.measure(chunk, item);
  }
}

/** Transforms inputs in a window to 16 places `distance` apart. */
export function transformTiles(
  inputs: usize,
  distance: usize,
  window: usize,
  entries: usize,
  tiles: i32,
  rowBytes: usize,
  depth: i32,
): void {
  for (let tile = 0; tile < tiles; tile++, inputs += depth << 2, entries += TILE_BYTES) {
    transformInput(inputs, distance, window + load<u32>(entries), rowBytes, depth);
  }
}

/** products [tiles][8] = inputs [tiles][depth] · weights [depth][8] of one place, for a multiple of four tiles. */
export function multiply(products: usize, inputs: usize, weights: usize, tiles: i32, depth: i32): void {
  const length = <usize>(depth << 2);
  const next = length * 3;
  for (let tile = 0; tile < tiles; tile += 4, products += 128, inputs += next) {
    let p1 = inputs + length;
    let p2 = p1 + length;
    let p3 = p2 + length;
    let w = weights;
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0);
    let c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0);
    let c31 = f32x4.splat(0);
    const end = p1;
    while (inputs < end) {
      const b0 = v128.load(w);
      const b1 = v128.load(w, 16);
      let a = v128.load32_splat(inputs);
      c00 = mad(a, b0, c00);
      c01 = mad(a, b1, c01);
      a = v128.load32_splat(p1);
      c10 = mad(a, b0, c10);
      c11 = mad(a, b1, c11);
      a = v128.load32_splat(p2);
      c20 = mad(a, b0, c20);
      c21 = mad(a, b1, c21);
      a = v128.load32_splat(p3);
      c30 = mad(a, b0, c30);
      c31 = mad(a, b1, c31);
      w += 32;
      inputs += 4;
      p1 += 4;
      p2 += 4;
      p3 += 4;
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

/** Aᵀ m A of each tile to its two by two pixels, as far as they are inside the result, plus the addend. */
function transformResult(
  entries: usize,
  tiles: i32,
  y: usize,
  addendDistance: usize,
  adds: bool,
  products: usize,
  distance: usize,
  rowBytes: usize,
  pixelBytes: usize,
): void {
  for (let tile = 0; tile < tiles; tile++, entries += TILE_BYTES, products += 32) {
    const target = y + load<u32>(entries, 4);
    const twoRows = load<i32>(entries, 8) == 2;
    const twoColumns = load<i32>(entries, 12) == 2;
    for (let half: usize = 0; half < 32; half += 16) {
      let p = products + half;
      let m0 = v128.load(p);
      p += distance;
      let m1 = v128.load(p);
      p += distance;
      let m2 = v128.load(p);
      p += distance;
      let m3 = v128.load(p);
      p += distance;
      let y00 = f32x4.add(f32x4.add(m0, m1), m2);
      let y01 = f32x4.sub(f32x4.sub(m1, m2), m3);

      m0 = v128.load(p);
      p += distance;
      m1 = v128.load(p);
      p += distance;
      m2 = v128.load(p);
      p += distance;
      m3 = v128.load(p);
      p += distance;
      let y10 = f32x4.add(f32x4.add(m0, m1), m2);
      let y11 = f32x4.sub(f32x4.sub(m1, m2), m3);
      y00 = f32x4.add(y00, y10);
      y01 = f32x4.add(y01, y11);

      m0 = v128.load(p);
      p += distance;
      m1 = v128.load(p);
      p += distance;
      m2 = v128.load(p);
      p += distance;
      m3 = v128.load(p);
      p += distance;
      let s0 = f32x4.add(f32x4.add(m0, m1), m2);
      let s1 = f32x4.sub(f32x4.sub(m1, m2), m3);
      y00 = f32x4.add(y00, s0);
      y01 = f32x4.add(y01, s1);
      y10 = f32x4.sub(y10, s0);
      y11 = f32x4.sub(y11, s1);

      m0 = v128.load(p);
      p += distance;
      m1 = v128.load(p);
      p += distance;
      m2 = v128.load(p);
      p += distance;
      m3 = v128.load(p);
      s0 = f32x4.add(f32x4.add(m0, m1), m2);
      s1 = f32x4.sub(f32x4.sub(m1, m2), m3);
      y10 = f32x4.sub(y10, s0);
      y11 = f32x4.sub(y11, s1);

      const to = target + half;
      put(to, y00, addendDistance, adds);
      if (twoColumns) put(to + pixelBytes, y01, addendDistance, adds);
      if (twoRows) put(to + rowBytes, y10, addendDistance, adds);
      if (twoRows && twoColumns) put(to + rowBytes + pixelBytes, y11, addendDistance, adds);
    }
  }
}

@inline
function put(target: usize, value: v128, addendDistance: usize, adds: bool): void {
  v128.store(target, adds ? f32x4.add(value, v128.load(target + addendDistance)) : value);
}
