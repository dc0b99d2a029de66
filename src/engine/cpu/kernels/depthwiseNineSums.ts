/**
 * Weight gradient of a 3×3 depthwise convolution of stride 1 on NHWC tensors whose windows leave the image by one row or
 * column at most. The sums of all nine taps × 4 channels stay in registers: along a row of pixels three inputs above each
 * other are loaded once and meet three neighbours of dy. The order of summation is that of `depthwiseWeightGradient.ts`,
 * and so are the chunks' partial gradients.
 */

import { ConvolutionArguments } from './convolutionArguments';
import { zeroBytes } from './convPad';
import { mad } from './mad';

@unmanaged
class NineSumsArguments extends ConvolutionArguments {
  /** Sums of each chunk. */
  partials: usize;
  /** First row and column of the first result's window. */
  top: i32;
  left: i32;
}

/** Bytes of four channels' sums, and of a tap of a panel of eight. */
const SUMS_BYTES = 9 * 16;
const TAP_BYTES: usize = 32;

export function depthwiseNineSums(args: NineSumsArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const partial = args.partials + <usize>chunk * (((channels + 7) >> 3) * 9 * TAP_BYTES);
  const sums = args.scratchOf(worker);
  const firstItem = args.firstItem(chunk);
  const lastItem = args.firstItem(chunk + 1);
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const rows = args.rowsFrom(firstRow);
    args.touchSource(image, count, args.top + firstRow, rows + 2);
    args.touchResult(image, count, firstRow, rows, 0, channels);
    for (let channel = 0; channel < channels; channel += 4) {
      zeroBytes(sums, SUMS_BYTES);
      for (let i = 0; i < count; i++) sumImage(args, sums, image + i, firstRow, rows, channel);
      let target = partial + <usize>(channel >> 3) * (9 * TAP_BYTES) + <usize>((channel & 4) << 2);
      for (let sum = sums; sum < sums + SUMS_BYTES; sum += 16, target += TAP_BYTES) {
        const own = v128.load(sum);
        v128.store(target, item == firstItem ? own : f32x4.add(own, v128.load(target)));
      }
    }
  }
}

/** Adds the products of an image's rows of dy, four channels. */
function sumImage(args: NineSumsArguments, sums: usize, image: i32, firstRow: i32, rows: i32, channel: i32): void {
  const pixelBytes = <usize>(args.channels << 2);
  const xRow = pixelBytes * args.width;
  const dyRow = pixelBytes * args.resultWidth;
  const top = args.top + firstRow;
  let x = args.source + <usize>(image * args.height + max(top, 0)) * xRow + <usize>(channel << 2);
  let dy = args.result + <usize>(image * args.resultHeight + firstRow) * dyRow + <usize>(channel << 2);
  if (top < 0) {
    sumBorderRow(args, sums + 48, x, dy);
    dy += dyRow;
  }
  const below = top + rows + 2 > args.height;
  const inner = rows - <i32>(top < 0) - <i32>below;
  sumRows(3, args, sums, x, dy, inner);
  if (below) sumBorderRow(args, sums, x + xRow * inner, dy + dyRow * inner);
}

/** A row of dy whose windows have two rows inside the image. */
function sumBorderRow(args: NineSumsArguments, sums: usize, x: usize, dy: usize): void {
  sumRows(2, args, sums, x, dy, 1);
}

/** `rows` rows of dy, whose windows have `taps` rows. */
@inline
function sumRows(taps: i32, args: NineSumsArguments, sums: usize, x: usize, dy: usize, rows: i32): void {
  const pixelBytes = <usize>(args.channels << 2);
  const xRow = pixelBytes * args.width;
  const dyRow = pixelBytes * args.resultWidth;
  const before = -args.left;
  let c00 = v128.load(sums);
  let c01 = v128.load(sums, 16);
  let c02 = v128.load(sums, 32);
  let c10 = v128.load(sums, 48);
  let c11 = v128.load(sums, 64);
  let c12 = v128.load(sums, 80);
  let c20 = taps == 3 ? v128.load(sums, 96) : c00;
  let c21 = taps == 3 ? v128.load(sums, 112) : c00;
  let c22 = taps == 3 ? v128.load(sums, 128) : c00;
  for (let row = 0; row < rows; row++, x += xRow, dy += dyRow) {
    // A pixel of x meets dy at its own column (plus padding) in the first tap, one column earlier in the second, two in the third.
    let b1 = before ? v128.load(dy) : f32x4.splat(0);
    let b2 = f32x4.splat(0);
    let p = x;
    const end = dy + dyRow;
    for (let q = dy + pixelBytes * before; q < end; q += pixelBytes, p += pixelBytes) {
      const b0 = v128.load(q);
      const a0 = v128.load(p);
      const a1 = v128.load(p + xRow);
      c00 = mad(a0, b0, c00);
      c01 = mad(a0, b1, c01);
      c02 = mad(a0, b2, c02);
      c10 = mad(a1, b0, c10);
      c11 = mad(a1, b1, c11);
      c12 = mad(a1, b2, c12);
      if (taps == 3) {
        const a2 = v128.load(p + xRow + xRow);
        c20 = mad(a2, b0, c20);
        c21 = mad(a2, b1, c21);
        c22 = mad(a2, b2, c22);
      }
      b2 = b1;
      b1 = b0;
    }
    for (; p < x + xRow; p += pixelBytes) {
      const a0 = v128.load(p);
      const a1 = v128.load(p + xRow);
      c01 = mad(a0, b1, c01);
      c02 = mad(a0, b2, c02);
      c11 = mad(a1, b1, c11);
      c12 = mad(a1, b2, c12);
      if (taps == 3) {
        const a2 = v128.load(p + xRow + xRow);
        c21 = mad(a2, b1, c21);
        c22 = mad(a2, b2, c22);
      }
      b2 = b1;
      b1 = f32x4.splat(0);
    }
  }
  v128.store(sums, c00);
  v128.store(sums, c01, 16);
  v128.store(sums, c02, 32);
  v128.store(sums, c10, 48);
  v128.store(sums, c11, 64);
  v128.store(sums, c12, 80);
  if (taps == 3) {
    v128.store(sums, c20, 96);
    v128.store(sums, c21, 112);
    v128.store(sums, c22, 128);
  }
}
