/**
 * Depthwise convolution on NHWC tensors, forward and input gradient alike, without copies: the lowering tabulates for
 * every row of the result, and for every run of equal columns, which taps fall inside the image, so that borders need no
 * tests here. The weights [kernel rows, kernel columns, channels] are read in place.
 *
 * Four pixels × 8 channels are summed over the taps at once: eight accumulators are what V8 keeps in registers. Channels
 * run inside, pixels outside, so that whole cache lines are used.
 */

import { accumulateMoments, momentsBytes } from './convMoments';
import { word } from './convPad';
import { mad } from './mad';
import { loadPart, storePart } from './vector';

/** Pixels after which moments are gathered, while the result is still in the cache; whole rows. */
const MOMENTS_PIXELS = 128;

/**
 * Arguments: 0 source, height, width; 3 result, height, width; 6 channels, addend or 0; 8 weights, kernel columns, step
 * between kernel rows and columns; 11 rows of all images, chunks; 13 columns between neighbours of a run in the source,
 * in the result; 15 moments blocks or 0; 16 runs; then for each row of the result 3 words: first row of the source, taps,
 * first kernel row; then for each run of columns 5 words: first column of the result, columns, first column of the
 * source, taps, first kernel column.
 */
export function depthwiseConvolve(args: usize, chunk: i32, worker: i32): void {
  const source = <usize>word(args, 0);
  const height = word(args, 1);
  const width = word(args, 2);
  const result = <usize>word(args, 3);
  const resultHeight = word(args, 4);
  const resultWidth = word(args, 5);
  const channels = word(args, 6);
  const addend = <usize>word(args, 7);
  const weights = <usize>word(args, 8);
  const kernelColumns = word(args, 9);
  const tapStep = word(args, 10);
  const rows = word(args, 11);
  const chunks = word(args, 12);
  const sourceStep = word(args, 13);
  const resultStep = word(args, 14);
  const moments = <usize>word(args, 15);
  const runs = word(args, 16);
  const rowTable = args + 68;
  const runTable = rowTable + <usize>resultHeight * 12;

  const pixelBytes = channels << 2;
  const firstRow = chunk * rows / chunks;
  const lastRow = (chunk + 1) * rows / chunks;
  let counted = firstRow;
  for (let row = firstRow; row < lastRow; row++) {
    const entry = rowTable + <usize>(row % resultHeight) * 12;
    const x = source + <usize>((row / resultHeight * height + load<i32>(entry)) * width) * pixelBytes;
    const y = result + <usize>(row * resultWidth) * pixelBytes;
    const w = weights + <usize>(load<i32>(entry, 8) * kernelColumns) * pixelBytes;
    for (let run = 0; run < runs; run++) {
      const block = runTable + <usize>run * 20;
      convolveRun(
        x + <usize>load<i32>(block, 8) * pixelBytes,
        y + <usize>load<i32>(block) * pixelBytes,
        addend ? addend - result : 0,
        addend != 0,
        w + <usize>load<i32>(block, 16) * pixelBytes,
        load<i32>(block, 4),
        sourceStep * pixelBytes,
        resultStep * pixelBytes,
        load<i32>(entry, 4),
        load<i32>(block, 12),
        width * pixelBytes,
        tapStep * kernelColumns * pixelBytes,
        tapStep * pixelBytes,
        channels,
      );
    }
    const pixels = (row + 1 - counted) * resultWidth;
    if (moments && (pixels >= MOMENTS_PIXELS || row + 1 == lastRow)) {
      const block = moments + <usize>chunk * momentsBytes(channels);
      accumulateMoments(block, result + <usize>(counted * resultWidth) * pixelBytes, pixels, channels, counted == firstRow);
      counted = row + 1;
    }
  }
}

/** Pixels of one row that meet the same taps; an addend is as far from the result as `addendDistance`. */
function convolveRun(
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  w: usize,
  count: i32,
  xStep: i32,
  yStep: i32,
  tapRows: i32,
  tapColumns: i32,
  rowBytes: i32,
  wRow: i32,
  wColumn: i32,
  channels: i32,
): void {
  const pixelBytes = channels << 2;
  const whole = channels & -8;
  let pixel = 0;
  for (; pixel + 4 <= count; pixel += 4, x += xStep << 2, y += yStep << 2) {
    for (let c = 0; c < whole; c += 8) {
      const at = <usize>(c << 2);
      let c00 = f32x4.splat(0);
      let c01 = f32x4.splat(0);
      let c10 = f32x4.splat(0);
      let c11 = f32x4.splat(0);
      let c20 = f32x4.splat(0);
      let c21 = f32x4.splat(0);
      let c30 = f32x4.splat(0);
      let c31 = f32x4.splat(0);
      for (let row = 0; row < tapRows; row++) {
        let p0 = x + at + row * rowBytes;
        let p1 = p0 + xStep;
        let p2 = p1 + xStep;
        let p3 = p2 + xStep;
        let q = w + at + row * wRow;
        for (let column = 0; column < tapColumns; column++) {
          const b0 = v128.load(q);
          const b1 = v128.load(q, 16);
          c00 = mad(v128.load(p0), b0, c00);
          c01 = mad(v128.load(p0, 16), b1, c01);
          c10 = mad(v128.load(p1), b0, c10);
          c11 = mad(v128.load(p1, 16), b1, c11);
          c20 = mad(v128.load(p2), b0, c20);
          c21 = mad(v128.load(p2, 16), b1, c21);
          c30 = mad(v128.load(p3), b0, c30);
          c31 = mad(v128.load(p3, 16), b1, c31);
          q += wColumn;
          p0 += pixelBytes;
          p1 += pixelBytes;
          p2 += pixelBytes;
          p3 += pixelBytes;
        }
      }
      let to = y + at;
      put(to, c00, c01, addendDistance, adds);
      to += yStep;
      put(to, c10, c11, addendDistance, adds);
      to += yStep;
      put(to, c20, c21, addendDistance, adds);
      to += yStep;
      put(to, c30, c31, addendDistance, adds);
    }
    for (let other = 0; whole < channels && other < 4; other++) {
      const from = x + other * xStep;
      fewChannels(from, y + other * yStep, addendDistance, adds, w, whole, tapRows, tapColumns, rowBytes, wRow, wColumn, channels);
    }
  }
  for (; pixel < count; pixel++, x += xStep, y += yStep) {
    for (let c = 0; c < whole; c += 8) {
      const at = <usize>(c << 2);
      let low = f32x4.splat(0);
      let high = f32x4.splat(0);
      for (let row = 0; row < tapRows; row++) {
        let p = x + at + row * rowBytes;
        let q = w + at + row * wRow;
        for (let column = 0; column < tapColumns; column++, p += pixelBytes, q += wColumn) {
          low = mad(v128.load(p), v128.load(q), low);
          high = mad(v128.load(p, 16), v128.load(q, 16), high);
        }
      }
      put(y + at, low, high, addendDistance, adds);
    }
    if (whole < channels) {
      fewChannels(x, y, addendDistance, adds, w, whole, tapRows, tapColumns, rowBytes, wRow, wColumn, channels);
    }
  }
}

@inline
function put(to: usize, low: v128, high: v128, addendDistance: usize, adds: bool): void {
  if (adds) {
    low = f32x4.add(low, v128.load(to + addendDistance));
    high = f32x4.add(high, v128.load(to + addendDistance, 16));
  }
  v128.store(to, low);
  v128.store(to, high, 16);
}

/** One pixel's channels from `first` on, whose number is no multiple of eight. */
function fewChannels(
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  w: usize,
  first: i32,
  tapRows: i32,
  tapColumns: i32,
  rowBytes: i32,
  wRow: i32,
  wColumn: i32,
  channels: i32,
): void {
  for (let c = first; c < channels; c += 4) {
    const at = <usize>(c << 2);
    const lanes = channels - c;
    let sum = f32x4.splat(0);
    for (let row = 0; row < tapRows; row++) {
      let p = x + at + row * rowBytes;
      let q = w + at + row * wRow;
      for (let column = 0; column < tapColumns; column++, p += channels << 2, q += wColumn) {
        sum = mad(loadPart(p, lanes), loadPart(q, lanes), sum);
      }
    }
    if (adds) sum = f32x4.add(sum, loadPart(y + at + addendDistance, lanes));
    storePart(y + at, sum, lanes);
  }
}
