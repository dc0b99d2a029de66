/**
 * Input gradient of a 3×3 depthwise convolution of stride 2 with padding 1 on NHWC tensors. Two by two pixels of dx are
 * sums of nine products of two by two pixels of dy, which slide down a column, four channels at a time. The order of
 * summation is that of `depthwiseTiles.ts`.
 */

import { mad } from './mad';
import { firstOfShare } from './shares';
import { touch } from './touch';

@unmanaged
class DepthwiseQuadsArguments {
  /** dy [images, ⌈resultHeight / 2⌉, ⌈resultWidth / 2⌉, channels] */
  source: usize;
  height: i32;
  width: i32;
  /** dx */
  result: usize;
  resultHeight: i32;
  resultWidth: i32;
  channels: i32;
  weights: usize;
  /** Number of rows of all images of dy. */
  rows: i32;
  chunks: i32;
}

/** Most rows and columns of dy that are computed with a cache line of channels, before the next. */
const BLOCK_ROWS = 8;
const BLOCK_COLUMNS = 4;
/** Bytes of a cache line. */
const LINE: usize = 64;

export function depthwiseQuads(args: DepthwiseQuadsArguments, chunk: i32, worker: i32): void {
  const height = args.height;
  const width = args.width;
  const pixelBytes = <usize>(args.channels << 2);
  const sourceRow = pixelBytes * width;
  const resultRow = pixelBytes * args.resultWidth;
  const lastRow = firstOfShare(chunk + 1, args.rows, args.chunks);
  for (let row = firstOfShare(chunk, args.rows, args.chunks); row < lastRow; ) {
    const inImage = row % height;
    const rows = min(min(BLOCK_ROWS, height - inImage), lastRow - row);
    const resultRows = min(rows << 1, args.resultHeight - (inImage << 1));
    const source = args.source + <usize>row * sourceRow;
    const result = args.result + <usize>(row / height * args.resultHeight + (inImage << 1)) * resultRow;
    const hasBelow = inImage + rows < height;
    touch(source, (rows + <i32>hasBelow) * <i32>sourceRow);
    touch(result, resultRows * <i32>resultRow);
    for (let line: usize = 0; line < pixelBytes; line += LINE) {
      const end = min(line + LINE, pixelBytes);
      for (let column = 0; column < width; column += BLOCK_COLUMNS) {
        const columns = min(BLOCK_COLUMNS, width - column);
        const x = source + pixelBytes * column;
        const y = result + pixelBytes * (column << 1);
        for (let at = line; at < end; at += 16) {
          spreadColumns(args, x + at, y + at, args.weights + at, rows, resultRows, hasBelow, columns, column + columns == width);
        }
      }
    }
    row += rows;
  }
}

/**
 * dx at `y`, four channels, of `columns` columns and `rows` rows of dy at `x`, which others follow below, if `hasBelow`, and
 * on the right, unless `atRight`.
 */
function spreadColumns(
  args: DepthwiseQuadsArguments,
  x: usize,
  y: usize,
  w: usize,
  rows: i32,
  resultRows: i32,
  hasBelow: bool,
  columns: i32,
  atRight: bool,
): void {
  const pixelBytes = <usize>(args.channels << 2);
  const xRow = pixelBytes * args.width;
  const yRow = pixelBytes * args.resultWidth;
  const w00 = v128.load(w);
  w += pixelBytes;
  const w01 = v128.load(w);
  w += pixelBytes;
  const w02 = v128.load(w);
  w += pixelBytes;
  const w10 = v128.load(w);
  w += pixelBytes;
  const w11 = v128.load(w);
  w += pixelBytes;
  const w12 = v128.load(w);
  w += pixelBytes;
  const w20 = v128.load(w);
  w += pixelBytes;
  const w21 = v128.load(w);
  w += pixelBytes;
  const w22 = v128.load(w);
  const steps = rows - <i32>!hasBelow;
  const zero = f32x4.splat(0);
  for (let index = columns - <i32>atRight; index > 0; index--, x += pixelBytes, y += pixelBytes << 1) {
    let p = x;
    let to = y;
    let a0 = v128.load(p);
    let a1 = v128.load(p + pixelBytes);
    for (let step = steps; step > 0; step--) {
      v128.store(to, mad(a0, w11, zero));
      v128.store(to + pixelBytes, mad(a1, w10, mad(a0, w12, zero)));
      to += yRow;
      p += xRow;
      const b0 = v128.load(p);
      const b1 = v128.load(p + pixelBytes);
      v128.store(to, mad(b0, w01, mad(a0, w21, zero)));
      v128.store(to + pixelBytes, mad(b1, w00, mad(b0, w02, mad(a1, w20, mad(a0, w22, zero)))));
      to += yRow;
      a0 = b0;
      a1 = b1;
    }
    if (hasBelow) continue;
    v128.store(to, mad(a0, w11, zero));
    v128.store(to + pixelBytes, mad(a1, w10, mad(a0, w12, zero)));
    if (resultRows & 1) continue;
    to += yRow;
    v128.store(to, mad(a0, w21, zero));
    v128.store(to + pixelBytes, mad(a1, w20, mad(a0, w22, zero)));
  }
  if (!atRight) return;
  // The last column of dy has no neighbour, and one column of dx if the width is odd.
  const isOdd = (args.resultWidth & 1) != 0;
  let a0 = v128.load(x);
  for (let row = 0; row < resultRows; row += 2) {
    v128.store(y, mad(a0, w11, zero));
    if (!isOdd) v128.store(y + pixelBytes, mad(a0, w12, zero));
    if (row + 1 == resultRows) return;
    y += yRow;
    x += xRow;
    const b0 = row + 2 < resultRows || hasBelow ? v128.load(x) : zero;
    v128.store(y, mad(b0, w01, mad(a0, w21, zero)));
    if (!isOdd) v128.store(y + pixelBytes, mad(b0, w02, mad(a0, w22, zero)));
    y += yRow;
    a0 = b0;
  }
}
