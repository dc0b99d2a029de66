/**
 * The first arguments of every convolution that copies windows: shapes of its two images, the division of the batch
 * into items (some whole images, or a band of rows of one) and of these into chunks, and each worker's scratch.
 */

import { padImage } from './convPad';
import { firstOfShare } from './shares';
import { touch } from './touch';

@unmanaged
export class ConvolutionArguments {
  /** [images, height, width, depth]; the weight gradient's x. */
  source: usize;
  images: i32;
  height: i32;
  width: i32;
  depth: i32;
  /** [images, height, width, channels]; the weight gradient's dy. */
  result: usize;
  resultHeight: i32;
  resultWidth: i32;
  channels: i32;
  itemImages: i32;
  itemRows: i32;
  /** Items of an image, if it is divided. */
  bands: i32;
  items: i32;
  /** Number of chunks of the items. */
  chunks: i32;
  scratch: usize;
  scratchStride: usize;

  @inline
  firstItem(chunk: i32): i32 {
    return firstOfShare(chunk, this.items, this.chunks);
  }

  @inline
  firstImage(item: i32): i32 {
    return (item / this.bands) * this.itemImages;
  }

  /** Images of the item that begins with image `first`. */
  @inline
  imagesFrom(first: i32): i32 {
    return min(this.itemImages, this.images - first);
  }

  @inline
  firstRow(item: i32): i32 {
    return (item % this.bands) * this.itemRows;
  }

  /** Rows of the item that begins with row `first`. */
  @inline
  rowsFrom(first: i32): i32 {
    return min(this.itemRows, this.resultHeight - first);
  }

  @inline
  scratchOf(worker: i32): usize {
    return this.scratch + <usize>worker * this.scratchStride;
  }

  /** Reads through the source's rows from `top`, of `count` images from image `first`, to bring them into the cache. */
  touchSource(first: i32, count: i32, top: i32, rows: i32): void {
    const rowBytes = this.width * this.depth * 4;
    const begin = max(top, 0);
    const end = (count - 1) * this.height + min(top + rows, this.height);
    touch(this.source + <usize>(first * this.height + begin) * rowBytes, (end - begin) * rowBytes);
  }

  /** Reads through `taken` channels, from `channel` on, of rows of the result, to bring them into the cache. */
  touchResult(first: i32, count: i32, row: i32, rows: i32, channel: i32, taken: i32): void {
    const pixelBytes = this.channels * 4;
    const pixels = ((count - 1) * this.resultHeight + rows) * this.resultWidth;
    let p =
      this.result +
      <usize>((first * this.resultHeight + row) * this.resultWidth) * pixelBytes +
      <usize>(channel << 2);
    if (taken == this.channels) touch(p, pixels * pixelBytes);
    else for (let pixel = 0; pixel < pixels; pixel++, p += pixelBytes) touch(p, taken << 2);
  }

  /**
   * Copies `taken` channels of the same window of `count` images from image `first`, one after another; behind these, as
   * far as `parts` go, the window of the next channels.
   */
  @inline
  padImages(
    target: usize,
    first: i32,
    count: i32,
    top: i32,
    left: i32,
    rows: i32,
    columns: i32,
    channel: i32,
    taken: i32,
    parts: i32,
  ): void {
    const imageBytes = this.height * this.width * this.depth * 4;
    const windowBytes = rows * columns * taken * 4;
    const distance = <usize>this.itemImages * windowBytes;
    for (let i = 0; i < count; i++) {
      const from = this.source + <usize>(first + i) * imageBytes;
      const to = target + <usize>i * windowBytes;
      padImage(to, from, this.height, this.width, this.depth, top, left, rows, columns, channel, taken, parts, distance);
    }
  }
}
