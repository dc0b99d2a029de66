/**
 * The first arguments of every convolution that copies windows: its two images' shapes, how the batch is cut into items
 * (some whole images, or a band of rows of one) and these into chunks, and where each worker's scratch lies.
 */

import { padImage } from './convPad';
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
  /** Items an image, where it is cut. */
  bands: i32;
  items: i32;
  /** That share the items. */
  chunks: i32;
  scratch: usize;
  scratchStride: usize;

  @inline
  firstItem(chunk: i32): i32 {
    return chunk * this.items / this.chunks;
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

  /** Reads through the source's rows from `top` on, of `count` images from image `first` on. */
  touchSource(first: i32, count: i32, top: i32, rows: i32): void {
    const rowBytes = this.width * this.depth * 4;
    const begin = max(top, 0);
    const end = (count - 1) * this.height + min(top + rows, this.height);
    touch(this.source + <usize>(first * this.height + begin) * rowBytes, (end - begin) * rowBytes);
  }

  /** The same for rows of the result. */
  touchResult(first: i32, count: i32, row: i32, rows: i32): void {
    const rowBytes = this.resultWidth * this.channels * 4;
    touch(
      this.result + <usize>(first * this.resultHeight + row) * rowBytes,
      ((count - 1) * this.resultHeight + rows) * rowBytes,
    );
  }

  /** Copies `taken` channels of the same window of `count` images from image `first` on, one after the other. */
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
  ): void {
    const imageBytes = this.height * this.width * this.depth * 4;
    const windowBytes = rows * columns * taken * 4;
    for (let i = 0; i < count; i++) {
      const from = this.source + <usize>(first + i) * imageBytes;
      const to = target + <usize>i * windowBytes;
      padImage(to, from, this.height, this.width, this.depth, top, left, rows, columns, channel, taken);
    }
  }
}
