/**
 * Direct convolution of codes, of any stride and without dilation: as `convDirect.ts`, but a register tile takes two
 * neighbouring codes of a pixel at a time.
 */

import { TILE_PIXELS, tabulate } from './convDirect';
import { addProducts, codePairs, IntegerWeightArguments } from './integerProducts';
import { IntegerConvolutionArguments } from './integerWindow';

@unmanaged
class IntegerDirectArguments extends IntegerConvolutionArguments {
  tapRows: i32;
  tapColumns: i32;
  sourceColumnStride: i32;
}

export function convolveIntegers(args: IntegerDirectArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const channels = args.channels;
  const rowBytes = args.windowRowBytes();
  const windowBytes = args.windowBytes();
  const pixelBytes = channels << 2;
  const resultRowBytes = args.resultWidth * pixelBytes;
  const imageBytes = args.resultHeight * resultRowBytes;
  const run = args.tapColumns * depth;
  const panelBytes = <usize>(args.tapRows * run) << 4;
  const window = args.scratchOf(worker);
  const table = args.behindWindow(window);
  const lastItem = args.firstItem(chunk + 1);
  let next = 0;
  for (let item = args.firstItem(chunk); item < lastItem; item = next) {
    next = args.behind(item, lastItem);
    const rows = args.rowsOf(item, next);
    const count = args.imagesOf(item, next);
    args.storeWindow(window, item, next);
    for (let image = 0; image < count; image++) {
      const tiles = tabulate(
        table,
        TILE_PIXELS,
        1,
        rows,
        args.resultWidth,
        0,
        args.sourceRowStride * rowBytes,
        args.sourceColumnStride * depth * 2,
        0,
        resultRowBytes,
        pixelBytes,
      );
      const x = window + <usize>(image * windowBytes);
      const scale = v128.load32_splat(args.scalesOf(item) + (image << 2));
      let y = args.resultOf(item) + <usize>image * imageBytes;
      let weights = args.weights;
      for (let channel = 0; channel < channels; channel += 8, y += 32, weights += panelBytes) {
        panel(table, tiles, x, y, weights, args.tapRows, run, rowBytes, scale);
      }
    }
    args.measure(chunk, item, next);
  }
}

/** All tiles of an image's part in one panel of result channels. Runs of codes, one a row of taps, are `rowBytes` apart. */
function panel(
  table: usize,
  tiles: i32,
  x: usize,
  y: usize,
  weights: usize,
  tapRows: i32,
  run: i32,
  rowBytes: i32,
  scale: v128,
): void {
  const runBytes = run << 1;
  const nextRow = rowBytes - runBytes;
  for (let tile = 0; tile < tiles; tile++, table += 32) {
    let p0 = x + load<u32>(table);
    let p1 = x + load<u32>(table, 8);
    let p2 = x + load<u32>(table, 16);
    let p3 = x + load<u32>(table, 24);
    let w = weights;
    let c00 = i32x4.splat(0);
    let c01 = i32x4.splat(0);
    let c10 = i32x4.splat(0);
    let c11 = i32x4.splat(0);
    let c20 = i32x4.splat(0);
    let c21 = i32x4.splat(0);
    let c30 = i32x4.splat(0);
    let c31 = i32x4.splat(0);
    for (let row = 0; row < tapRows; row++) {
      const end = p0 + runBytes;
      while (p0 < end) {
        const b0 = v128.load(w);
        const b1 = v128.load(w, 16);
        let a = v128.load32_splat(p0);
        c00 = addProducts(a, b0, c00);
        c01 = addProducts(a, b1, c01);
        a = v128.load32_splat(p1);
        c10 = addProducts(a, b0, c10);
        c11 = addProducts(a, b1, c11);
        a = v128.load32_splat(p2);
        c20 = addProducts(a, b0, c20);
        c21 = addProducts(a, b1, c21);
        a = v128.load32_splat(p3);
        c30 = addProducts(a, b0, c30);
        c31 = addProducts(a, b1, c31);
        w += 32;
        p0 += 4;
        p1 += 4;
        p2 += 4;
        p3 += 4;
      }
      p0 += nextRow;
      p1 += nextRow;
      p2 += nextRow;
      p3 += nextRow;
    }
    storePixel(y + load<u32>(table, 4), c00, c01, scale);
    storePixel(y + load<u32>(table, 12), c10, c11, scale);
    storePixel(y + load<u32>(table, 20), c20, c21, scale);
    storePixel(y + load<u32>(table, 28), c30, c31, scale);
  }
}

@inline
function storePixel(y: usize, low: v128, high: v128, scale: v128): void {
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(low), scale));
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(high), scale), 16);
}

@unmanaged
class IntegerPackingArguments extends IntegerWeightArguments {
  /** Rows of weights, one a tap and input channel: an even number. */
  rows: i32;
}

/** Packs codes as [panels][rows / 2][8][2]. Chunk = panel of eight channels. */
export function packIntegerWeights(args: IntegerPackingArguments, chunk: i32, worker: i32): void {
  const inverse = args.inverse();
  const rows = args.rows;
  const rowBytes = args.rowBytes();
  let weights = args.panel(chunk);
  let target = args.target + <usize>(chunk * rows) * 16;
  args.measure(chunk, rows);
  for (let row = 0; row < rows; row += 2, weights += rowBytes << 1, target += 32) {
    v128.store(target, codePairs(weights, rowBytes, inverse));
    v128.store(target, codePairs(weights + 16, rowBytes, inverse), 16);
  }
}
