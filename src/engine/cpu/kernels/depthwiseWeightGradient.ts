/**
 * Weight gradient of a depthwise convolution. The input of an item (some whole images or a band of rows) is copied, a
 * block of channels at a time, into padded scratch that stays in the first caches; three taps of a kernel row × 8
 * channels then sum over the item's pixels and are added to the chunk's partial gradient. `reduceWeightGradient` adds
 * the chunks in order.
 *
 * Partial gradient of a chunk: [panels of 8 channels][kernel rows · kernel columns][8].
 */

import { padImage, word } from './convPad';
import { put } from './convWeightGradient';
import { mad } from './mad';

/**
 * Arguments: 0 x, images, height, width, channels; 5 dy, height, width; 8 partial gradients; 9 images an item, rows an
 * item, bands an image, items, chunks; 14 channels a block (a multiple of 8); 15 scratch, its stride by worker; 17 tap
 * rows, tap columns, stride, padding.
 */
export function depthwiseWeightGradient(args: usize, chunk: i32, worker: i32): void {
  const x = <usize>word(args, 0);
  const images = word(args, 1);
  const height = word(args, 2);
  const width = word(args, 3);
  const channels = word(args, 4);
  const dy = <usize>word(args, 5);
  const resultHeight = word(args, 6);
  const resultWidth = word(args, 7);
  const itemImages = word(args, 9);
  const itemRows = word(args, 10);
  const bands = word(args, 11);
  const items = word(args, 12);
  const chunks = word(args, 13);
  const blockChannels = word(args, 14);
  const window = <usize>word(args, 15) + <usize>worker * word(args, 16);
  const tapRows = word(args, 17);
  const tapColumns = word(args, 18);
  const stride = word(args, 19);
  const padding = word(args, 20);

  const taps = tapRows * tapColumns;
  const partial = <usize>word(args, 8) + <usize>chunk * (((channels + 7) >> 3) * taps * 32);
  const windowColumns = (resultWidth - 1) * stride + tapColumns;
  const firstItem = chunk * items / chunks;
  const lastItem = (chunk + 1) * items / chunks;
  for (let item = firstItem; item < lastItem; item++) {
    const image = (item / bands) * itemImages;
    const count = min(itemImages, images - image);
    const firstRow = (item % bands) * itemRows;
    const rows = min(itemRows, resultHeight - firstRow);
    const gradient = dy + <usize>((image * resultHeight + firstRow) * resultWidth * channels) * 4;
    for (let block = 0; block < channels; block += blockChannels) {
      const taken = min(blockChannels, channels - block);
      const rowBytes = windowColumns * taken * 4;
      const windowRows = (rows - 1) * stride + tapRows;
      for (let i = 0; i < count; i++) {
        padImage(
          window + <usize>i * (windowRows * rowBytes),
          x + <usize>((image + i) * height * width * channels) * 4,
          height,
          width,
          channels,
          firstRow * stride - padding,
          -padding,
          windowRows,
          windowColumns,
          block,
          taken,
        );
      }
      // Where the channels are no multiple of eight the last panel reads past a pixel; what it sums there is dropped.
      for (let channel = 0; channel < taken; channel += 8) {
        const b = gradient + <usize>((block + channel) << 2);
        let target = partial + <usize>((block + channel) >> 3) * (taps * 32);
        for (let row = 0; row < tapRows; row++) {
          let a = window + <usize>(row * rowBytes + (channel << 2));
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
              taken << 2,
              stride * taken << 2,
              stride * rowBytes,
              windowRows * rowBytes,
              channels << 2,
            );
            column += together;
            target += <usize>together << 5;
            a += <usize>(together * taken) << 2;
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
