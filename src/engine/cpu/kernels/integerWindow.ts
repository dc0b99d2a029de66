/**
 * Convolutions whose windows hold 16-bit codes of the source instead of floats.
 */

import { ConvolutionArguments } from './convolutionArguments';
import { accumulateMoments, momentsBytes } from './convMoments';
import { zeroBytes } from './convPad';
import { IntegerChoice, storeCodes } from './integerProducts';

@unmanaged
export class IntegerConvolutionArguments extends ConvolutionArguments {
  choice: usize;
  /** [items, itemImages]: what sums in an item's image are multiplied by, NaN if its window has a NaN. */
  scales: usize;
  /** Moments of chunks, or 0. */
  moments: usize;
  /** Packed codes. */
  weights: usize;
  /** Items that are computed at once, at most: neighbouring bands of an image, or images. Moments are those of items. */
  span: i32;
  sourceRowStride: i32;
  /** First row and column of the window of band 0. */
  top: i32;
  left: i32;
  windowRows: i32;
  windowColumns: i32;

  @inline
  windowRowBytes(): i32 {
    return this.windowColumns * this.depth * 2;
  }

  @inline
  windowBytes(): i32 {
    return this.windowRows * this.windowRowBytes();
  }

  /** The item behind those that are computed with `item`, of a chunk that ends with `last`. */
  @inline
  behind(item: i32, last: i32): i32 {
    const next = min(item + this.span, last);
    return this.bands > 1 ? min(next, (item / this.bands + 1) * this.bands) : next;
  }

  @inline
  imagesOf(item: i32, next: i32): i32 {
    return this.bands > 1 ? 1 : min((next - item) * this.itemImages, this.images - this.firstImage(item));
  }

  @inline
  rowsOf(item: i32, next: i32): i32 {
    return min(this.itemRows * (this.bands > 1 ? next - item : 1), this.resultHeight - this.firstRow(item));
  }

  /** The first address behind a window of as many items as are computed at once. */
  @inline
  behindWindow(window: usize): usize {
    const images = this.bands > 1 ? 1 : this.span * this.itemImages;
    return window + <usize>(images * this.windowBytes() + 63 & -64);
  }

  @inline
  scalesOf(item: i32): usize {
    return this.scales + <usize>(item * this.itemImages * 4);
  }

  /** Where the first result of an item lies. */
  @inline
  resultOf(item: i32): usize {
    const row = this.firstImage(item) * this.resultHeight + this.firstRow(item);
    return this.result + <usize>(row * this.resultWidth) * (this.channels << 2);
  }

  /** Writes the codes in the window of the items from `item` to `next`, zeros outside of their images. */
  storeWindow(target: usize, item: i32, next: i32): void {
    const choice = changetype<IntegerChoice>(this.choice);
    const inverse = f32x4.splat(choice.inverse);
    const image = this.firstImage(item);
    const count = this.imagesOf(item, next);
    const top = this.top + this.firstRow(item) * this.sourceRowStride;
    const pixelBytes = this.depth << 1;
    const rowBytes = this.windowRowBytes();
    const before = min(max(-this.left, 0), this.windowColumns);
    const inside = max(min(this.width - this.left, this.windowColumns) - before, 0);
    const after = this.windowColumns - before - inside;
    for (let i = 0; i < count; i++) {
      let odd = f32x4.splat(0);
      for (let row = 0; row < this.windowRows; row++, target += rowBytes) {
        const y = top + row;
        if (y < 0 || y >= this.height || inside == 0) {
          zeroBytes(target, rowBytes);
          continue;
        }
        const pixel = ((image + i) * this.height + y) * this.width + this.left + before;
        const source = this.source + <usize>pixel * (this.depth << 2);
        zeroBytes(target, before * pixelBytes);
        odd = v128.or(odd, storeCodes(target + before * pixelBytes, source, inside * this.depth, inverse));
        zeroBytes(target + (before + inside) * pixelBytes, after * pixelBytes);
      }
      store<f32>(this.scalesOf(item) + (i << 2), v128.any_true(odd) ? f32.NaN : choice.scale);
    }
  }

  /** Adds the results of items to the moments of their chunk, if they are wanted. */
  @inline
  measure(chunk: i32, item: i32, next: i32): void {
    if (!this.moments) return;
    const block = this.moments + <usize>chunk * momentsBytes(this.channels);
    const first = this.firstItem(chunk);
    for (; item < next; item++) {
      const pixels = this.imagesFrom(this.firstImage(item)) * this.rowsFrom(this.firstRow(item)) * this.resultWidth;
      accumulateMoments(block, this.resultOf(item), pixels, this.channels, item == first);
    }
  }
}
