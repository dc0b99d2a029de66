/**
 * 3×3 depthwise convolution of stride 1 on NHWC tensors, forward and input gradient alike, by sliding down columns of the
 * result. Four channels at a time, a row of three inputs is loaded once for the three results that it is part of, and nine
 * weights stay in registers. Windows may leave the image by one row or column. The order of summation is that of
 * `depthwiseTiles.ts`.
 */

import { accumulateRows, momentsBytes } from './convMoments';
import { mad } from './mad';
import { firstOfShare } from './shares';
import { touch } from './touch';

/** Most rows of a band, which is computed in all channels before the next. */
const BAND_ROWS = 16;

@unmanaged
class DepthwiseColumnsArguments {
  source: usize;
  height: i32;
  width: i32;
  result: usize;
  resultHeight: i32;
  resultWidth: i32;
  channels: i32;
  /** The tap that meets a window's first pixel, and bytes to those of the next row and column. */
  weights: usize;
  tapRow: i32;
  tapColumn: i32;
  /** First row and column of the first result's window. */
  top: i32;
  left: i32;
  /** Number of rows of all images. */
  rows: i32;
  chunks: i32;
  /** Moments of chunks, or 0. */
  moments: usize;
}

export function depthwiseColumns(args: DepthwiseColumnsArguments, chunk: i32, worker: i32): void {
  const height = args.height;
  const resultHeight = args.resultHeight;
  const resultWidth = args.resultWidth;
  const channels = args.channels;
  const result = args.result;
  const sourceRow = args.width * channels << 2;
  const resultRow = <usize>(resultWidth * channels << 2);
  const moments = args.moments;
  const firstRow = firstOfShare(chunk, args.rows, args.chunks);
  const lastRow = firstOfShare(chunk + 1, args.rows, args.chunks);
  let counted = firstRow;
  for (let row = firstRow; row < lastRow; ) {
    const inImage = row % resultHeight;
    const rows = min(min(BAND_ROWS, resultHeight - inImage), lastRow - row);
    const top = args.top + inImage;
    const begin = max(top, 0);
    const inside = min(top + rows + 2, height) - begin;
    const x = args.source + <usize>(row / resultHeight * height + begin) * sourceRow;
    touch(x, inside * sourceRow);
    convolveBand(args, x, result + <usize>row * resultRow, begin > top, inside, rows);
    row += rows;
    if (moments) {
      const block = moments + <usize>chunk * momentsBytes(channels);
      counted = accumulateRows(block, result, resultWidth, channels, firstRow, counted, row, lastRow);
    }
  }
}

/**
 * `rows` rows of results at `y` from `inside` rows of the source at `x`; `atTop`: the first result lacks the row above
 * them.
 */
function convolveBand(
  args: DepthwiseColumnsArguments,
  x: usize,
  y: usize,
  atTop: bool,
  inside: i32,
  rows: i32,
): void {
  const pixelBytes = <usize>(args.channels << 2);
  const xRow = pixelBytes * args.width;
  const yRow = pixelBytes * args.resultWidth;
  const wColumn = args.tapColumn;
  const wRow = args.tapRow - (wColumn << 1);
  const atLeft = args.left < 0;
  const atRight = args.left + args.resultWidth + 2 > args.width;
  const columns = args.resultWidth - <i32>atLeft - <i32>atRight;
  for (let at: usize = 0; at < pixelBytes; at += 16) {
    let w = args.weights + at;
    const w00 = v128.load(w);
    w += wColumn;
    const w01 = v128.load(w);
    w += wColumn;
    const w02 = v128.load(w);
    w += wRow;
    const w10 = v128.load(w);
    w += wColumn;
    const w11 = v128.load(w);
    w += wColumn;
    const w12 = v128.load(w);
    w += wRow;
    const w20 = v128.load(w);
    w += wColumn;
    const w21 = v128.load(w);
    w += wColumn;
    const w22 = v128.load(w);
    let from = x + at;
    let to = y + at;
    if (atLeft) {
      slideTwo(from, pixelBytes, xRow, to, yRow, atTop, inside, rows, w01, w02, w11, w12, w21, w22);
      to += pixelBytes;
    }
    for (let column = 0; column < columns; column++, from += pixelBytes, to += pixelBytes) {
      slide(3, from, pixelBytes, xRow, to, yRow, atTop, inside, rows, w00, w01, w02, w10, w11, w12, w20, w21, w22);
    }
    if (atRight) slideTwo(from, pixelBytes, xRow, to, yRow, atTop, inside, rows, w00, w01, w10, w11, w20, w21);
  }
}

/** A column at a border, whose windows have two columns inside the image. */
function slideTwo(
  x: usize,
  pixelBytes: usize,
  xRow: usize,
  y: usize,
  yRow: usize,
  atTop: bool,
  inside: i32,
  rows: i32,
  w00: v128,
  w01: v128,
  w10: v128,
  w11: v128,
  w20: v128,
  w21: v128,
): void {
  slide(2, x, pixelBytes, xRow, y, yRow, atTop, inside, rows, w00, w01, w01, w10, w11, w11, w20, w21, w21);
}

/** A column of results, whose windows have `taps` columns, the first of them at `x`. */
@inline
function slide(
  taps: i32,
  x: usize,
  pixelBytes: usize,
  xRow: usize,
  y: usize,
  yRow: usize,
  atTop: bool,
  inside: i32,
  rows: i32,
  w00: v128,
  w01: v128,
  w02: v128,
  w10: v128,
  w11: v128,
  w12: v128,
  w20: v128,
  w21: v128,
  w22: v128,
): void {
  const end = y + yRow * rows;
  let p0 = x;
  let p1 = p0 + pixelBytes;
  let p2 = p1 + pixelBytes;
  let a0 = v128.load(p0);
  let a1 = v128.load(p1);
  let a2 = taps == 3 ? v128.load(p2) : a1;
  p0 += xRow;
  p1 += xRow;
  p2 += xRow;
  // Products of a row with the three rows of weights go to the result two rows above, one above, and here.
  let here = f32x4.splat(0);
  let left = inside - 1;
  if (!atTop) {
    here = sumRow(taps, a0, a1, a2, w00, w01, w02, here);
    a0 = v128.load(p0);
    a1 = v128.load(p1);
    if (taps == 3) a2 = v128.load(p2);
    p0 += xRow;
    p1 += xRow;
    p2 += xRow;
    left--;
  }
  let above = sumRow(taps, a0, a1, a2, w10, w11, w12, here);
  here = sumRow(taps, a0, a1, a2, w00, w01, w02, f32x4.splat(0));
  for (; left > 0; left--) {
    a0 = v128.load(p0);
    a1 = v128.load(p1);
    if (taps == 3) a2 = v128.load(p2);
    v128.store(y, sumRow(taps, a0, a1, a2, w20, w21, w22, above));
    above = sumRow(taps, a0, a1, a2, w10, w11, w12, here);
    here = sumRow(taps, a0, a1, a2, w00, w01, w02, f32x4.splat(0));
    p0 += xRow;
    p1 += xRow;
    p2 += xRow;
    y += yRow;
  }
  // The last result of an image lacks the row below.
  if (y < end) v128.store(y, above);
}

/** `sum` and the products of two or three numbers with weights, in their order. */
@inline
function sumRow(taps: i32, a0: v128, a1: v128, a2: v128, b0: v128, b1: v128, b2: v128, sum: v128): v128 {
  sum = mad(a1, b1, mad(a0, b0, sum));
  return taps == 3 ? mad(a2, b2, sum) : sum;
}
