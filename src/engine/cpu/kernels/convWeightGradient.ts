/**
 * Weight gradient of a convolution. An item (some whole images or a band of rows) is made small enough for the first
 * cache: its input goes to padded scratch, its gradient into panels of 8 channels; every tile of 4 neighbours in a run
 * of (tap column, input channel) × 8 result channels then sums over the item's pixels and is added to the chunk's
 * partial gradient. Chunks differ in pixels and, where the gradient is large, in blocks of input and result channels.
 * A second kernel adds the partial gradients in the order of the chunks.
 *
 * Partial gradient of a chunk of pixels: [panels][tap rows · tap columns · input channels][8].
 */

import { loadLanes, storeLanes } from './convDirect';
import { padImage, word } from './convPad';
import { mad } from './mad';

/**
 * Arguments: 0 x, images, height, width, channels; 5 dy, height, width, channels; 9 partial gradients; 10 images an
 * item, rows an item, bands an image, items, chunks of pixels; 15 input channels a block, blocks; 17 panels a block,
 * blocks; 19 scratch, its stride by worker; 21 tap rows, tap columns, stride, padding.
 * Chunk = (panel block · channel blocks + channel block) · pixel chunks + pixel chunk.
 */
export function convolutionWeightGradient(args: usize, chunk: i32, worker: i32): void {
  const x = <usize>word(args, 0);
  const images = word(args, 1);
  const height = word(args, 2);
  const width = word(args, 3);
  const depth = word(args, 4);
  const dy = <usize>word(args, 5);
  const resultHeight = word(args, 6);
  const resultWidth = word(args, 7);
  const channels = word(args, 8);
  const itemImages = word(args, 10);
  const itemRows = word(args, 11);
  const bands = word(args, 12);
  const items = word(args, 13);
  const pixelChunks = word(args, 14);
  const blockDepth = word(args, 15);
  const blockPanels = word(args, 17);
  const tapRows = word(args, 21);
  const tapColumns = word(args, 22);
  const stride = word(args, 23);
  const padding = word(args, 24);

  const pixelChunk = chunk % pixelChunks;
  const block = chunk / pixelChunks;
  const firstDepth = (block % word(args, 16)) * blockDepth;
  const taken = min(blockDepth, depth - firstDepth);
  const panels = (channels + 7) >> 3;
  const firstPanel = (block / word(args, 16)) * blockPanels;
  const lastPanel = min(firstPanel + blockPanels, panels);
  const kernelRows = tapRows * tapColumns * depth;
  const partial = <usize>word(args, 9) + <usize>pixelChunk * (panels * kernelRows * 32);

  const windowColumns = (resultWidth - 1) * stride + tapColumns;
  const run = tapColumns * taken;
  const rowBytes = windowColumns * taken * 4;
  const windowBytes = ((itemRows - 1) * stride + tapRows) * rowBytes;
  const window = <usize>word(args, 19) + <usize>worker * word(args, 20);
  // A tile at the end of a run reads up to three floats past it.
  const packed = window + <usize>(itemImages * windowBytes + 127 & -64);
  const firstItem = pixelChunk * items / pixelChunks;
  const lastItem = (pixelChunk + 1) * items / pixelChunks;
  for (let item = firstItem; item < lastItem; item++) {
    const image = (item / bands) * itemImages;
    const count = min(itemImages, images - image);
    const firstRow = (item % bands) * itemRows;
    const rows = min(itemRows, resultHeight - firstRow);
    const pixels = count * rows * resultWidth;
    for (let i = 0; i < count; i++) {
      padImage(
        window + <usize>i * windowBytes,
        x + <usize>(image + i) * (height * width * depth * 4),
        height,
        width,
        depth,
        firstRow * stride - padding,
        -padding,
        (rows - 1) * stride + tapRows,
        windowColumns,
        firstDepth,
        taken,
      );
    }
    // The pixels of an item follow each other: whole images, or a band of one.
    const gradient = dy + <usize>((image * resultHeight + firstRow) * resultWidth) * (channels * 4);
    packPanels(packed, gradient, pixels, channels, firstPanel, lastPanel);
    for (let panel = firstPanel; panel < lastPanel; panel++) {
      const b = packed + <usize>(panel - firstPanel) * (pixels * 32);
      for (let row = 0; row < tapRows; row++) {
        const a = window + <usize>row * rowBytes;
        for (let i = 0; i < run; i += 4) {
          const kernelRow = (row * tapColumns + i / taken) * depth + firstDepth + (i % taken);
          tile(
            partial + <usize>(panel * kernelRows + kernelRow) * 32,
            min(4, run - i),
            item == firstItem,
            a + <usize>(i << 2),
            b,
            count,
            rows,
            resultWidth,
            stride * taken * 4,
            stride * rowBytes - resultWidth * stride * taken * 4,
            windowBytes - rows * stride * rowBytes,
          );
        }
      }
    }
  }
}

/** target [panels][pixels][8] from source [pixels, channels], zeros past the last channel. */
function packPanels(target: usize, source: usize, pixels: i32, channels: i32, first: i32, last: i32): void {
  for (let panel = first; panel < last; panel++) {
    const lanes = channels - panel * 8;
    let p = source + <usize>(panel << 5);
    for (let pixel = 0; pixel < pixels; pixel++, target += 32, p += channels << 2) {
      if (lanes >= 8) {
        v128.store(target, v128.load(p));
        v128.store(target, v128.load(p, 16), 16);
      } else {
        v128.store(target, loadLanes(p, lanes));
        v128.store(target, loadLanes(p + 16, lanes - 4), 16);
      }
    }
  }
}

/** Sums 4 × 8 products over the pixels and adds `used` rows of them to the target, or sets it when `fresh`. */
function tile(
  target: usize,
  used: i32,
  fresh: bool,
  a: usize,
  b: usize,
  images: i32,
  rows: i32,
  columns: i32,
  pixelBytes: i32,
  nextRow: i32,
  nextImage: i32,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  const rowLength = columns << 5;
  for (let image = 0; image < images; image++, a += nextImage) {
    for (let row = 0; row < rows; row++, a += nextRow) {
      const end = b + rowLength;
      while (b < end) {
        const b0 = v128.load(b);
        const b1 = v128.load(b, 16);
        let s = v128.load32_splat(a);
        c00 = mad(s, b0, c00);
        c01 = mad(s, b1, c01);
        s = v128.load32_splat(a, 4);
        c10 = mad(s, b0, c10);
        c11 = mad(s, b1, c11);
        s = v128.load32_splat(a, 8);
        c20 = mad(s, b0, c20);
        c21 = mad(s, b1, c21);
        s = v128.load32_splat(a, 12);
        c30 = mad(s, b0, c30);
        c31 = mad(s, b1, c31);
        a += pixelBytes;
        b += 32;
      }
    }
  }
  put(target, c00, c01, fresh);
  if (used > 1) put(target + 32, c10, c11, fresh);
  if (used > 2) put(target + 64, c20, c21, fresh);
  if (used > 3) put(target + 96, c30, c31, fresh);
}

/** Adds two vectors to those at the target, or sets them when fresh. */
@inline
export function put(target: usize, low: v128, high: v128, fresh: bool): void {
  if (!fresh) {
    low = f32x4.add(low, v128.load(target));
    high = f32x4.add(high, v128.load(target, 16));
  }
  v128.store(target, low);
  v128.store(target, high, 16);
}

/** Arguments: partial gradients, chunks of pixels, dw, kernel rows, channels, chunks. */
export function reduceWeightGradient(args: usize, chunk: i32, worker: i32): void {
  const partials = <usize>word(args, 0);
  const pixelChunks = word(args, 1);
  const dw = <usize>word(args, 2);
  const kernelRows = word(args, 3);
  const channels = word(args, 4);
  const chunks = word(args, 5);
  const all = ((channels + 7) >> 3) * kernelRows;
  const distance = all << 5;
  const last = (chunk + 1) * all / chunks;
  for (let index = chunk * all / chunks; index < last; index++) {
    let p = partials + <usize>(index << 5);
    let low = v128.load(p);
    let high = v128.load(p, 16);
    for (let other = 1; other < pixelChunks; other++) {
      p += distance;
      low = f32x4.add(low, v128.load(p));
      high = f32x4.add(high, v128.load(p, 16));
    }
    const channel = (index / kernelRows) << 3;
    const target = dw + <usize>(((index % kernelRows) * channels + channel) << 2);
    storeLanes(target, low, channels - channel);
    storeLanes(target + 16, high, channels - channel - 4);
  }
}
