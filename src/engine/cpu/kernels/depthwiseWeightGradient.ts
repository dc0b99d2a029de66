/**
 * Weight gradient of a depthwise convolution. The input of an item (some whole images or a band of rows) is copied, a
 * block of channels at a time, into padded scratch that stays in the first caches; three taps of a kernel row × 8
 * channels then sum over the item's pixels and are added to the chunk's partial gradient. `reduceWeightGradient` adds
 * the chunks in order.
 *
 * Partial gradient of a chunk: [panels of 8 channels][kernel rows · kernel columns][8].
 */

import { ConvolutionArguments } from './convolutionArguments';
import { put } from './convWeightGradient';
import { mad } from './mad';

@unmanaged
class DepthwiseWeightGradientArguments extends ConvolutionArguments {
  /** Sums of each chunk. */
  partials: usize;
  /** A multiple of 8. */
  blockChannels: i32;
  tapRows: i32;
  tapColumns: i32;
  rowStride: i32;
  columnStride: i32;
  rowDilation: i32;
  columnDilation: i32;
  /** First row and column of the window of band 0. */
  top: i32;
  left: i32;
}

export function depthwiseWeightGradient(args: DepthwiseWeightGradientArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const resultWidth = args.resultWidth;
  const tapRows = args.tapRows;
  const tapColumns = args.tapColumns;
  const rowStride = args.rowStride;
  const columnStride = args.columnStride;
  const rowDilation = args.rowDilation;
  const columnDilation = args.columnDilation;

  const taps = tapRows * tapColumns;
  const partial = args.partials + <usize>chunk * (((channels + 7) >> 3) * taps * 32);
  const windowColumns = (resultWidth - 1) * columnStride + (tapColumns - 1) * columnDilation + 1;
  const window = args.scratchOf(worker);
  const firstItem = args.firstItem(chunk);
  const lastItem = args.firstItem(chunk + 1);
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const rows = args.rowsFrom(firstRow);
    const top = args.top + firstRow * rowStride;
    const windowRows = (rows - 1) * rowStride + (tapRows - 1) * rowDilation + 1;
    const gradient = args.result + <usize>((image * args.resultHeight + firstRow) * resultWidth * channels) * 4;
    for (let block = 0; block < channels; block += args.blockChannels) {
      const taken = min(args.blockChannels, channels - block);
      const rowBytes = windowColumns * taken * 4;
      args.padImages(window, image, count, top, args.left, windowRows, windowColumns, block, taken);
      // Where the channels are no multiple of eight the last panel reads past a pixel; what it sums there is dropped.
      for (let channel = 0; channel < taken; channel += 8) {
        const b = gradient + <usize>((block + channel) << 2);
        let target = partial + <usize>((block + channel) >> 3) * (taps * 32);
        for (let row = 0; row < tapRows; row++) {
          let a = window + <usize>(row * rowDilation * rowBytes + (channel << 2));
          for (let column = 0; column < tapColumns; ) {
            const together = column + 3 <= tapColumns ? 3 : 1;
            sumProducts(
              target,
              together == 3,
              item == firstItem,
              a,
              b,
              count,
              rows,
              resultWidth,
              columnDilation * taken << 2,
              columnStride * taken << 2,
              rowStride * rowBytes,
              windowRows * rowBytes,
              channels << 2,
            );
            column += together;
            target += <usize>together << 5;
            a += <usize>(together * columnDilation * taken) << 2;
          }
        }
      }
    }
  }
}

/** Sums products of dy with three neighbouring taps' inputs (or one's), adds them to the target or sets it when fresh. */
function sumProducts(
  target: usize,
  three: bool,
  fresh: bool,
  a: usize,
  b: usize,
  images: i32,
  rows: i32,
  columns: i32,
  tapBytes: i32,
  pixelBytes: i32,
  rowBytes: i32,
  imageBytes: i32,
  gradientBytes: i32,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  for (let image = 0; image < images; image++, a += imageBytes) {
    for (let row = 0; row < rows; row++) {
      let p = a + row * rowBytes;
      if (three) {
        for (let column = 0; column < columns; column++, p += pixelBytes, b += gradientBytes) {
          const b0 = v128.load(b);
          const b1 = v128.load(b, 16);
          c00 = mad(v128.load(p), b0, c00);
          c01 = mad(v128.load(p, 16), b1, c01);
          const p1 = p + tapBytes;
          c10 = mad(v128.load(p1), b0, c10);
          c11 = mad(v128.load(p1, 16), b1, c11);
          const p2 = p1 + tapBytes;
          c20 = mad(v128.load(p2), b0, c20);
          c21 = mad(v128.load(p2, 16), b1, c21);
        }
      } else {
        for (let column = 0; column < columns; column++, p += pixelBytes, b += gradientBytes) {
          c00 = mad(v128.load(p), v128.load(b), c00);
          c01 = mad(v128.load(p, 16), v128.load(b, 16), c01);
        }
      }
    }
  }
  put(target, c00, c01, fresh);
  if (!three) return;
  put(target + 32, c10, c11, fresh);
  put(target + 64, c20, c21, fresh);
}
