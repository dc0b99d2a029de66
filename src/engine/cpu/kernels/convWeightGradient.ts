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
import { ConvolutionArguments } from './convolutionArguments';
import { mad } from './mad';
import { firstOfShare } from './shares';

/** Chunk = (panel block · depth blocks + depth block) · chunks of pixels + chunk of pixels. */
@unmanaged
export class WeightGradientArguments extends ConvolutionArguments {
  /** Sums of each chunk of pixels. */
  partials: usize;
  /** Input channels of a block. */
  blockDepth: i32;
  depthBlocks: i32;
  /** Panels of result channels of a block. */
  blockPanels: i32;
  /** Groups of channels that are independent of each other; blocks are within each. */
  groups: i32;

  @inline
  firstDepth(chunk: i32): i32 {
    return ((chunk / this.chunks) % this.depthBlocks) * this.blockDepth;
  }

  @inline
  firstPanel(chunk: i32): i32 {
    return (chunk / this.chunks / this.depthBlocks) * this.blockPanels;
  }

  /** Reads through what an item's panels read in parts, to bring it into the cache: of a group's blocks, or of all groups. */
  touchPanels(item: i32, firstPanel: i32, lastPanel: i32): void {
    const image = this.firstImage(item);
    const firstRow = this.firstRow(item);
    const channel = this.groups == 1 ? firstPanel << 3 : 0;
    const end = this.groups == 1 ? min(lastPanel << 3, this.channels) : this.channels;
    this.touchResult(image, this.imagesFrom(image), firstRow, this.rowsFrom(firstRow), channel, end - channel);
  }
}

@unmanaged
class DirectWeightGradientArguments extends WeightGradientArguments {
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

export function convolutionWeightGradient(args: DirectWeightGradientArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const depth = args.depth / groups;
  const resultWidth = args.resultWidth;
  const allChannels = args.channels;
  const channels = allChannels / groups;
  const tapRows = args.tapRows;
  const tapColumns = args.tapColumns;
  const rowStride = args.rowStride;
  const columnStride = args.columnStride;
  const rowDilation = args.rowDilation;
  const columnDilation = args.columnDilation;

  const pixelChunk = chunk % args.chunks;
  const firstDepth = args.firstDepth(chunk);
  const taken = min(args.blockDepth, depth - firstDepth);
  const panels = (channels + 7) >> 3;
  const firstPanel = args.firstPanel(chunk);
  const lastPanel = min(firstPanel + args.blockPanels, panels);
  const kernelRows = tapRows * tapColumns * depth;
  const partials = args.partials + <usize>pixelChunk * (groups * panels * kernelRows * 32);

  const windowColumns = (resultWidth - 1) * columnStride + (tapColumns - 1) * columnDilation + 1;
  // Dilated taps have a run each.
  const runs = columnDilation == 1 ? 1 : tapColumns;
  const run = tapColumns / runs * taken;
  const rowBytes = windowColumns * taken * 4;
  const pixelBytes = columnStride * taken * 4;
  const windowBytes = ((args.itemRows - 1) * rowStride + (tapRows - 1) * rowDilation + 1) * rowBytes;
  const window = args.scratchOf(worker);
  // A tile at the end of a run reads up to three floats past it.
  const packed = window + <usize>(args.itemImages * windowBytes + 127 & -64);
  const firstItem = args.firstItem(pixelChunk);
  const lastItem = args.firstItem(pixelChunk + 1);
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const rows = args.rowsFrom(firstRow);
    const pixels = count * rows * resultWidth;
    const top = args.top + firstRow * rowStride;
    const windowRows = (rows - 1) * rowStride + (tapRows - 1) * rowDilation + 1;
    // Groups read parts of every pixel.
    if (groups > 1) args.touchSource(image, count, top, windowRows);
    args.touchPanels(item, firstPanel, lastPanel);
    for (let group = 0; group < groups; group++) {
      const partial = partials + <usize>(group * panels * kernelRows * 32);
      args.padImages(window, image, count, top, args.left, windowRows, windowColumns, group * depth + firstDepth, taken, 1);
      // The pixels of an item are consecutive: whole images, or a band of one.
      const gradient = args.result + <usize>((image * args.resultHeight + firstRow) * resultWidth) * (allChannels * 4) + <usize>(group * channels * 4);
      packPanels(packed, gradient, pixels, channels, allChannels, firstPanel, lastPanel);
      for (let panel = firstPanel; panel < lastPanel; panel++) {
        const b = packed + <usize>(panel - firstPanel) * (pixels * 32);
        for (let row = 0; row < tapRows; row++) {
          for (let first = 0; first < runs; first++) {
            const a = window + <usize>(row * rowDilation * rowBytes + first * columnDilation * taken * 4);
            for (let i = 0; i < run; i += 4) {
              const kernelRow = (row * tapColumns + first + i / taken) * depth + firstDepth + (i % taken);
              outerProducts(
                partial + <usize>(panel * kernelRows + kernelRow) * 32,
                min(4, run - i),
                item == firstItem,
                a + <usize>(i << 2),
                b,
                count,
                rows,
                resultWidth,
                pixelBytes,
                rowStride * rowBytes - resultWidth * pixelBytes,
                windowBytes - rows * rowStride * rowBytes,
              );
            }
          }
        }
      }
    }
  }
}

/** target [panels][pixels][8] from the first `channels` of source [pixels, all], zeros past the last channel. */
function packPanels(
  target: usize,
  source: usize,
  pixels: i32,
  channels: i32,
  all: i32,
  first: i32,
  last: i32,
): void {
  for (let panel = first; panel < last; panel++) {
    const lanes = channels - panel * 8;
    let p = source + <usize>(panel << 5);
    for (let pixel = 0; pixel < pixels; pixel++, target += 32, p += all << 2) {
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
export function outerProducts(
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

/** Adds two vectors to those at the target, or sets them if `fresh`. */
@inline
export function put(target: usize, low: v128, high: v128, fresh: bool): void {
  if (!fresh) {
    low = f32x4.add(low, v128.load(target));
    high = f32x4.add(high, v128.load(target, 16));
  }
  v128.store(target, low);
  v128.store(target, high, 16);
}

@unmanaged
class PartialSumsArguments {
  partials: usize;
  pixelChunks: i32;
  dw: usize;
  /** Taps · input channels. */
  kernelRows: i32;
  channels: i32;
  groups: i32;
  chunks: i32;
}

export function reduceWeightGradient(args: PartialSumsArguments, chunk: i32, worker: i32): void {
  const pixelChunks = args.pixelChunks;
  const kernelRows = args.kernelRows;
  const allChannels = args.channels;
  const channels = allChannels / args.groups;
  const panels = (channels + 7) >> 3;
  const all = args.groups * panels * kernelRows;
  const distance = all << 5;
  const last = firstOfShare(chunk + 1, all, args.chunks);
  for (let index = firstOfShare(chunk, all, args.chunks); index < last; index++) {
    let p = args.partials + <usize>(index << 5);
    let low = v128.load(p);
    let high = v128.load(p, 16);
    for (let other = 1; other < pixelChunks; other++) {
      p += distance;
      low = f32x4.add(low, v128.load(p));
      high = f32x4.add(high, v128.load(p, 16));
    }
    const channel = (index / kernelRows % panels) << 3;
    const first = index / kernelRows / panels * channels + channel;
    const target = args.dw + <usize>(((index % kernelRows) * allChannels + first) << 2);
    storeLanes(target, low, channels - channel);
    storeLanes(target + 16, high, channels - channel - 4);
  }
}
