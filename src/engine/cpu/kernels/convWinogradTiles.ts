/**
 * Tiles of Winograd's algorithms: `edge` by `edge` results of a convolution of stride 1 from `side` by `side` inputs, by as many
 * products: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (Lavin and Gray 2016). A tile's transformed numbers are in places, one for each
 * product. The transforms are in `convWinogradTwo.ts`, `convWinogradFour.ts` and `convWinogradSix.ts`.
 *
 * Where `edge` does not divide the size, the last tiles have a row (or column) of results less: 14 = 4 + 4 + 3 + 3. Only
 * the last row of a tile needs the last row of places, of the point ∞, so that shorter tiles need no products there.
 */

import { ConvolutionArguments } from './convolutionArguments';
import { copyBytes, zeroBytes } from './convPad';
import { hasMoreColumns, hasMoreRows, partAt } from './convWinogradParts';
import { FOUR_COLUMN_BYTES, transformFourColumns, transformFourRows } from './convWinogradFour';
import { SIX_COLUMN_BYTES, transformSixColumns, transformSixRows } from './convWinogradSix';
import { transformTwoInput } from './convWinogradTwo';
import { endSlotOf, firstSlotOf, storeSlots } from './tileSlots';

/** Bytes between the places, so that powers of two do not collide in one set of the cache. */
export const SKEW: usize = 64;

/** Places of a tile. */
@inline
export function placesOf(edge: i32): i32 {
  return sideOf(edge) * sideOf(edge);
}

/** Rows and columns of a tile's inputs: for 3×3 taps, or for 4×4 taps where `edge` is odd. */
@inline
export function sideOf(edge: i32): i32 {
  return edge + (edge & 1 ? 3 : 2);
}

/** Bytes of a place of transformed weights, or of sums of the weight gradient, for eight result channels. */
@inline
export function weightPlaceBytes(depth: i32): usize {
  return (<usize>depth << 5) + SKEW;
}

/** Bytes of an entry in the table of tiles: offset in the window, offset in the result, rows, columns, slot. */
export const TILE_BYTES: i32 = 20;

/** From the numbers of slot 0 to those of a listed tile; `slotsBytes` are those of four slots. */
@inline
function slotOffset(entry: usize, slotsBytes: usize): usize {
  const slot = load<u32>(entry, 16);
  return (slot >> 2) * slotsBytes + ((slot & 3) << 4);
}

/** A call computes `passChunks` of the chunks from `firstChunk` on; fewer at the end. */
@unmanaged
export class TiledArguments extends ConvolutionArguments {
  /** First row and column of the window of band 0. */
  top: i32;
  left: i32;
  windowRows: i32;
  windowColumns: i32;
  /** Rows and columns of a tile's results: 2, 4, 6 of a weight gradient's dy; of 7×7 taps 3, or 5 of a weight gradient's dy. */
  edge: i32;
  /** 2 if the source's pixels are taken in pairs of rows and columns, else 1. */
  sourceStride: i32;
  /** 2 if the result's pixels are; then `resultHeight`, `resultWidth` and `channels` are those of the pairs. */
  resultStride: i32;
  /** Groups of channels that are independent of each other. */
  groups: i32;
  firstChunk: i32;
  passChunks: i32;

  /** The first item of chunk `index` of the call. */
  @inline
  firstItemOf(index: i32): i32 {
    return this.firstItem(min(this.firstChunk + index, this.chunks));
  }

  /** Number of tiles along a side of `size` results. */
  @inline
  tilesAlong(size: i32): i32 {
    return (size + this.edge - 1) / this.edge;
  }

  /** Number of those that have `edge` results; the others have one less. */
  @inline
  fullAlong(size: i32): i32 {
    return max(0, size - this.tilesAlong(size) * (this.edge - 1));
  }

  /** The first row of results of an image's tile row `tile`, or the first column. */
  @inline
  startOf(tile: i32, size: i32): i32 {
    return min(size, tile * this.edge - max(0, tile - this.fullAlong(size)));
  }

  /** The first of an item's tile rows in its image. */
  @inline
  firstTileRow(item: i32): i32 {
    return (item % this.bands) * this.tilesAlong(this.itemRows);
  }

  /** The end of an item's tile rows in its last image. */
  @inline
  endTileRow(item: i32): i32 {
    return min(this.firstTileRow(item) + this.tilesAlong(this.itemRows), this.tilesAlong(this.resultHeight));
  }

  /** The first row of an item's results. */
  @inline
  firstRowOf(item: i32): i32 {
    return this.startOf(this.firstTileRow(item), this.resultHeight);
  }

  /** Number of rows of an item's results, in each of its images. */
  @inline
  rowsOf(item: i32): i32 {
    return this.startOf(this.endTileRow(item), this.resultHeight) - this.firstRowOf(item);
  }

  /** Number of full tile rows of all images before an item, and of all tile rows. */
  @inline
  fullRowsBefore(item: i32): i32 {
    const full = this.fullAlong(this.resultHeight);
    return min(this.firstImage(item), this.images) * full + min(this.firstTileRow(item), full);
  }

  @inline
  tileRowsBefore(item: i32): i32 {
    return min(this.firstImage(item), this.images) * this.tilesAlong(this.resultHeight) + this.firstTileRow(item);
  }

  /** Number of full tile rows of the call, and of all its tile rows. */
  @inline
  fullRows(): i32 {
    return this.fullRowsBefore(this.firstItemOf(this.passChunks)) - this.fullRowsBefore(this.firstItemOf(0));
  }

  @inline
  tileRows(): i32 {
    return this.tileRowsBefore(this.firstItemOf(this.passChunks)) - this.tileRowsBefore(this.firstItemOf(0));
  }

  /** Number of tiles of the call. */
  @inline
  tiles(): i32 {
    return this.tileRows() * this.tilesAlong(this.resultWidth);
  }

  /** The first of the slots whose tiles need products in a place. */
  @inline
  firstSlot(place: i32): i32 {
    const width = this.resultWidth;
    return firstSlotOf(this.isLastColumn(place), this.fullRows(), this.tilesAlong(width), this.fullAlong(width));
  }

  /** The end of the slots whose tiles need products in a place. */
  @inline
  endSlot(place: i32): i32 {
    const width = this.resultWidth;
    const isLastRow = place / this.side() == this.side() - 1;
    const columns = this.tilesAlong(width);
    const fullColumns = this.fullAlong(width);
    return endSlotOf(isLastRow, this.isLastColumn(place), this.fullRows(), this.tileRows(), columns, fullColumns);
  }

  @inline
  isLastColumn(place: i32): bool {
    return place % this.side() == this.side() - 1;
  }

  @inline
  side(): i32 {
    return sideOf(this.edge);
  }

  /** Tells whether parts need products in some places only, as in `convWinogradParts.ts`. */
  @inline
  hasParts(): bool {
    return this.sourceStride + this.resultStride > 2 && this.edge == 4;
  }

  /** The first of the parts that need products in a place. */
  @inline
  firstPart(place: i32): i32 {
    return place / 6 == 5 ? 1 : 0;
  }

  /** The end of the parts that need products in a place. */
  @inline
  endPart(place: i32): i32 {
    const row = place / 6;
    const column = place % 6;
    if (row == 0 || column == 0) return this.firstPart(place);
    return column == 5 ? 2 : row == 5 ? 3 : 4;
  }

  /** Channels of the window. */
  @inline
  windowDepth(): i32 {
    return this.depth * this.sourceStride * this.sourceStride;
  }

  /** The first of the window's channels that need products in a place. */
  @inline
  firstDepth(place: i32): i32 {
    return this.sourceStride > 1 && this.hasParts() ? this.firstPart(place) * this.depth : 0;
  }

  @inline
  endDepth(place: i32): i32 {
    return this.sourceStride > 1 && this.hasParts() ? this.endPart(place) * this.depth : this.windowDepth();
  }

  /** The first of the result's channels that need products in a place. */
  @inline
  firstChannel(place: i32): i32 {
    return this.resultStride > 1 ? this.firstPart(place) * (this.channels >> 2) : 0;
  }

  @inline
  endChannel(place: i32): i32 {
    return this.resultStride > 1 ? this.endPart(place) * (this.channels >> 2) : this.channels;
  }

  /** The window of a worker, behind its stage of as many columns. */
  @inline
  windowOf(worker: i32): usize {
    return this.scratchOf(worker) + (<usize>this.windowColumns * SIX_COLUMN_BYTES);
  }

  /** Bytes of a window with `taken` channels. */
  @inline
  windowBytes(taken: i32): i32 {
    return this.windowRows * this.windowColumns * taken * 4;
  }

  /** Where the first result of an item is. */
  @inline
  resultOf(item: i32): usize {
    const row = this.firstImage(item) * this.resultHeight + this.firstRowOf(item);
    return this.result + <usize>(row * this.resultWidth) * (this.channels << 2);
  }

  /** Copies the window of an item, `taken` channels from `channel` on. */
  @inline
  padItem(target: usize, item: i32, channel: i32, taken: i32): void {
    const image = this.firstImage(item);
    const top = this.top + this.firstRowOf(item);
    const count = this.imagesFrom(image);
    this.padImages(target, image, count, top, this.left, this.windowRows, this.windowColumns, channel, taken, 1);
  }

  /** Copies all channels of an item's window, of each part of a pixel one after another. */
  padWindow(target: usize, item: i32): void {
    if (this.sourceStride == 1) {
      this.padItem(target, item, 0, this.depth);
      return;
    }
    const image = this.firstImage(item);
    const end = image + this.imagesFrom(image);
    const top = this.top + this.firstRowOf(item) * 2;
    const height = this.height;
    const columns = this.windowColumns;
    const partBytes = this.depth << 2;
    const pairBytes = partBytes << 2;
    for (let i = image; i < end; i++) {
      for (let row = 0; row < this.windowRows; row++, target += columns * pairBytes) {
        for (let index = 0; index < 2; index++) {
          const y = top + row * 2 + index;
          const pixels = this.source + <usize>((i * height + y) * this.width) * partBytes;
          const isInside = y >= 0 && y < height;
          const first = partAt(this.edge, index, 0) * partBytes;
          const second = partAt(this.edge, index, 1) * partBytes;
          const areNeighbours = second == first + partBytes;
          let x = this.left;
          const end = x + columns * 2;
          for (let to = target + first; x < end; to += pairBytes, x += 2) {
            if (isInside && areNeighbours && x >= 0) {
              let pixel = pixels + <usize>x * partBytes;
              for (const last = min(end, this.width - 1); x < last; to += pairBytes, x += 2, pixel += partBytes << 1) {
                copyBytes(to, pixel, partBytes << 1);
              }
              if (x >= end) break;
            }
            this.copyPixel(to, pixels, x, isInside);
            this.copyPixel(to + second - first, pixels, x + 1, isInside);
          }
        }
      }
    }
  }

  /** Copies the channels of a row's pixel, or zeros outside. */
  @inline
  copyPixel(target: usize, row: usize, x: i32, isInside: bool): void {
    const bytes = this.depth << 2;
    if (isInside && x >= 0 && x < this.width) copyBytes(target, row + <usize>x * bytes, bytes);
    else zeroBytes(target, bytes);
  }

  /** Reads through the results of an item, to bring them into the cache. */
  @inline
  touchItem(item: i32): void {
    const image = this.firstImage(item);
    this.touchResult(image, this.imagesFrom(image), this.firstRowOf(item), this.rowsOf(item), 0, this.channels);
  }

  /** From the result's pixel to the next one of a tile. */
  @inline
  pixelBytes(): usize {
    return <usize>this.channels << (this.resultStride > 1 ? 1 : 2);
  }

  /** From the result's row to the next one of a tile. */
  @inline
  rowBytes(): usize {
    return <usize>(this.resultWidth * this.channels) << 2;
  }

  /** The part of the result that a channel is of, or −1. */
  @inline
  partOf(channel: i32): i32 {
    return this.resultStride > 1 ? channel / (this.channels >> 2) : -1;
  }

  /** From the first pixel of a pair of rows and columns to a channel of one of its parts. */
  @inline
  channelOffset(channel: i32): usize {
    const part = this.partOf(channel);
    if (part < 0) return <usize>channel << 2;
    const depth = this.channels >> 2;
    const row = hasMoreRows(part) ? this.rowBytes() >> 1 : 0;
    return row + <usize>(((hasMoreColumns(part) ? depth : 0) + channel % depth) << 2);
  }

  /** Lists the tiles of an item, in a window with `taken` channels, in slots one after another; their number. */
  tabulate(table: usize, item: i32, taken: i32): i32 {
    const images = this.imagesFrom(this.firstImage(item));
    const height = this.resultHeight;
    const width = this.resultWidth;
    const columns = this.tilesAlong(width);
    const firstTileRow = this.firstTileRow(item);
    const endTileRow = this.endTileRow(item);
    const firstRow = this.firstRowOf(item);
    let tiles = 0;
    for (let image = 0; image < images; image++) {
      for (let tileRow = firstTileRow; tileRow < endTileRow; tileRow++) {
        const start = this.startOf(tileRow, height);
        const rows = this.startOf(tileRow + 1, height) - start;
        const row = start - firstRow;
        for (let tile = 0; tile < columns; tile++, table += TILE_BYTES, tiles++) {
          const column = this.startOf(tile, width);
          const pixel = (image * this.windowRows + row) * this.windowColumns + column;
          store<i32>(table, (pixel * taken) << 2);
          store<i32>(table, (image * height + row) * <i32>this.rowBytes() + column * <i32>this.pixelBytes(), 4);
          store<i32>(table, rows, 8);
          store<i32>(table, this.startOf(tile + 1, width) - column, 12);
          store<i32>(table, tiles, 16);
        }
      }
    }
    return tiles;
  }

  /** Gives the listed tiles of an item slots among those of the call. */
  assignSlots(table: usize, item: i32): void {
    const images = this.imagesFrom(this.firstImage(item));
    const columns = this.tilesAlong(this.resultWidth);
    const fullColumns = this.fullAlong(this.resultWidth);
    const fullHeight = this.fullAlong(this.resultHeight);
    const endTileRow = this.endTileRow(item);
    const allFull = this.fullRows();
    const allRows = this.tileRows();
    const first = this.firstItemOf(0);
    let full = this.fullRowsBefore(item) - this.fullRowsBefore(first);
    let shorter = this.tileRowsBefore(item) - this.tileRowsBefore(first) - full;
    for (let image = 0; image < images; image++) {
      for (let tileRow = this.firstTileRow(item); tileRow < endTileRow; tileRow++) {
        const isFull = tileRow < fullHeight;
        storeSlots(table + 16, TILE_BYTES, isFull, full, shorter, allFull, allRows, columns, fullColumns);
        table += columns * TILE_BYTES;
        if (isFull) full++;
        else shorter++;
      }
    }
  }

  /**
   * Transforms, by way of a stage, the inputs of tiles in a window with `taken` channels to places `distance` apart, where
   * vectors of four channels of four slots lie side by side; the next four slots are `slotsBytes` behind, the next four
   * channels `channelsBytes`.
   */
  transformInputs(
    stage: usize,
    inputs: usize,
    distance: usize,
    slotsBytes: usize,
    channelsBytes: usize,
    window: usize,
    entries: usize,
    tiles: i32,
    taken: i32,
  ): void {
    const pixelBytes = <usize>(taken << 2);
    const rowBytes = pixelBytes * this.windowColumns;
    const endEntries = entries + <usize>(tiles * TILE_BYTES);
    if (this.edge == 2) {
      for (; entries < endEntries; entries += TILE_BYTES) {
        let x = window + load<u32>(entries);
        let target = inputs + slotOffset(entries, slotsBytes);
        for (const end = x + pixelBytes; x < end; x += 16, target += channelsBytes) {
          transformTwoInput(target, distance, x, rowBytes, pixelBytes);
        }
      }
      return;
    }
    const firstRow = this.hasParts() ? 1 : 0;
    while (entries < endEntries) {
      // The tiles of a row share the columns in which they overlap.
      const start = load<u32>(entries);
      const end = (start / <u32>rowBytes + 1) * <u32>rowBytes;
      let next = entries + TILE_BYTES;
      while (next < endEntries && load<u32>(next) < end && load<u32>(next) > start) next += TILE_BYTES;
      const columns = (load<u32>(next - TILE_BYTES) - start) / <u32>pixelBytes + this.side();
      let x = window + start;
      let channels = inputs;
      for (const end = x + pixelBytes; x < end; x += 16, channels += channelsBytes) {
        let column = stage;
        if (this.side() == 8) {
          transformSixColumns(stage, x, rowBytes, pixelBytes, columns);
          for (let entry = entries; entry < next; entry += TILE_BYTES) {
            transformSixRows(channels + slotOffset(entry, slotsBytes), distance, column);
            column += <usize>load<u32>(entry, 12) * SIX_COLUMN_BYTES;
          }
        } else {
          transformFourColumns(stage, x, rowBytes, pixelBytes, columns);
          for (let entry = entries; entry < next; entry += TILE_BYTES) {
            transformFourRows(channels + slotOffset(entry, slotsBytes), distance, column, firstRow);
            column += <usize>load<u32>(entry, 12) * FOUR_COLUMN_BYTES;
          }
        }
      }
      entries = next;
    }
  }
}
