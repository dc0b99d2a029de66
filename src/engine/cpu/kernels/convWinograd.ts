/**
 * 3×3 convolution of stride 1, forward or input gradient, by Winograd's F(2×2, 3×3). The transforms are fused around
 * the products: a block of tiles is transformed into scratch that stays in the second cache, and for each panel of 8
 * result channels 16 small matrix products are computed and transformed back at once.
 */

import { accumulateMoments, momentsBytes } from './convMoments';
import { ConvolutionArguments } from './convolutionArguments';
import { SKEW, TILE_BYTES, tabulateTiles, transformInput } from './convWinogradTransforms';
import { mad } from './mad';

@unmanaged
class WinogradArguments extends ConvolutionArguments {
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
}

export function convolveWinograd(args: WinogradArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const depth = args.depth / groups;
  const allChannels = args.channels;
  const channels = allChannels / groups;
  const result = args.result;
  const resultWidth = args.resultWidth;
  const addend = args.addend;
  const moments = args.moments;
  const weights = args.weights;
  const blockTiles = args.blockTiles;

  const pixelBytes = depth * 4;
  const rowBytes = args.windowColumns * pixelBytes;
  const windowBytes = args.windowRows * rowBytes;
  const resultRowBytes = resultWidth * allChannels * 4;
  const imageBytes = args.resultHeight * resultRowBytes;
  const window = args.scratchOf(worker);
  const inputs = window + <usize>(args.itemImages * windowBytes + 63 & -64);
  const products = inputs + <usize>(blockTiles * pixelBytes * 16) + SKEW * 16;
  const table = products + <usize>(blockTiles * 512) + SKEW * 16;
  const firstItem = args.firstItem(chunk);
  const lastItem = args.firstItem(chunk + 1);
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const rows = args.rowsFrom(firstRow);
    const top = args.top + firstRow;
    const y = result + <usize>image * imageBytes + <usize>(firstRow * resultRowBytes);
    const tiles = tabulateTiles(
      table,
      count,
      rows,
      resultWidth,
      windowBytes,
      rowBytes,
      pixelBytes,
      imageBytes,
      resultRowBytes,
      allChannels * 4,
    );
    // Groups and panels read parts of every pixel.
    if (groups > 1) args.touchSource(image, count, top, args.windowRows);
    args.touchResult(image, count, firstRow, rows, 0, allChannels);
    for (let group = 0; group < groups; group++) {
      args.padImages(
        window,
        image,
        count,
        top,
        args.left,
        args.windowRows,
        args.windowColumns,
        group * depth,
        depth,
      );
      for (let tile = 0; tile < tiles; tile += blockTiles) {
        const used = min(blockTiles, tiles - tile);
        const padded = (used + 3) & -4;
        const entries = table + <usize>(tile * TILE_BYTES);
        const distance = <usize>(padded * pixelBytes) + SKEW;
        for (let i = 0; i < padded; i++) {
          const x = window + load<u32>(entries + <usize>(i * TILE_BYTES));
          transformInput(inputs + <usize>(i * pixelBytes), distance, x, rowBytes, depth);
        }
        for (let channel = 0; channel < channels; channel += 8) {
          const w = weights + <usize>((group * channels + channel) * pixelBytes * 16);
          multiply(products, inputs, w, padded, depth);
          transformResult(
            entries,
            used,
            y + ((group * channels + channel) << 2),
            addend ? addend - result : 0,
            addend != 0,
            products,
            (<usize>padded << 5) + SKEW,
            resultRowBytes,
            allChannels << 2,
          );
        }
      }
    }
    if (moments) {
      const pixels = count * rows * resultWidth;
      const block = moments + <usize>chunk * momentsBytes(allChannels);
      accumulateMoments(block, y, pixels, allChannels, item == firstItem);
    }
  }
}

/** products [16][tiles][8] = inputs [16][tiles][depth] · weights [16][depth][8], for a multiple of four tiles. */
function multiply(products: usize, inputs: usize, weights: usize, tiles: i32, depth: i32): void {
  const length = <usize>(depth << 2);
  const next = length * 3;
  for (let position = 0; position < 16; position++, weights += length << 3, inputs += SKEW, products += SKEW) {
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
