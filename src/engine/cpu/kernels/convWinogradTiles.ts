/**
 * Tiles of Winograd's algorithms: `edge` by `edge` results of a 3×3 convolution of stride 1 from (edge + 2)² inputs, by as many
 * products: Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (Lavin and Gray 2016). A tile's transformed numbers are in places, one for each
 * product. The transforms are in `convWinogradTwo.ts` and `convWinogradFour.ts`.
 */

import { ConvolutionArguments } from './convolutionArguments';
import { transformFourInput } from './convWinogradFour';
import { transformTwoInput } from './convWinogradTwo';

/** Bytes between the places, so that powers of two do not collide in one set of the cache. */
export const SKEW: usize = 64;

/** Places of a tile. */
@inline
export function placesOf(edge: i32): i32 {
  return (edge + 2) * (edge + 2);
}

/** Bytes of a place of transformed weights, or of sums of the weight gradient, for eight result channels. */
@inline
export function weightPlaceBytes(depth: i32): usize {
  return (<usize>depth << 5) + SKEW;
}

/** Bytes of an entry in the table of tiles: offset in the window, offset in the result, rows and columns inside it. */
export const TILE_BYTES: i32 = 16;

/** A call computes `passChunks` of the chunks from `firstChunk` on; fewer at the end. */
@unmanaged
export class TiledArguments extends ConvolutionArguments {
  /** First row and column of the window of band 0. */
  top: i32;
  left: i32;
  windowRows: i32;
  windowColumns: i32;
  /** Rows and columns of a tile's results, 2 or 4. */
  edge: i32;
  /** Groups of channels that are independent of each other. */
  groups: i32;
  firstChunk: i32;
  passChunks: i32;

  /** The first item of chunk `index` of the call. */
  @inline
  firstItemOf(index: i32): i32 {
    return this.firstItem(min(this.firstChunk + index, this.chunks));
  }

  /** Where the tiles of an item begin among those of all images. */
  @inline
  tileOf(item: i32): i32 {
    const last = this.edge - 1;
    const image = min(this.firstImage(item), this.images);
    const tileRow = image * ((this.resultHeight + last) / this.edge) + this.firstRow(item) / this.edge;
    return tileRow * ((this.resultWidth + last) / this.edge);
  }

  /** Where the tiles of the call begin. */
  @inline
  firstTile(): i32 {
    return this.tileOf(this.firstItemOf(0));
  }

  /** Number of tiles of the call. */
  @inline
  tiles(): i32 {
    return this.tileOf(this.firstItemOf(this.passChunks)) - this.firstTile();
  }

  /** Bytes of a window with `taken` channels. */
  @inline
  windowBytes(taken: i32): i32 {
    return this.windowRows * this.windowColumns * taken * 4;
  }

  /** Where the first result of an item is. */
  @inline
  resultOf(item: i32): usize {
    const row = this.firstImage(item) * this.resultHeight + this.firstRow(item);
    return this.result + <usize>(row * this.resultWidth) * (this.channels << 2);
  }

  /** Copies the window of an item, `taken` channels from `channel` on. */
  @inline
  padItem(target: usize, item: i32, channel: i32, taken: i32): void {
    const image = this.firstImage(item);
    const top = this.top + this.firstRow(item);
    const count = this.imagesFrom(image);
    this.padImages(target, image, count, top, this.left, this.windowRows, this.windowColumns, channel, taken);
  }

  /** Reads through the results of an item, to bring them into the cache. */
  @inline
  touchItem(item: i32): void {
    const image = this.firstImage(item);
    const firstRow = this.firstRow(item);
    this.touchResult(image, this.imagesFrom(image), firstRow, this.rowsFrom(firstRow), 0, this.channels);
  }

  /** Lists the tiles of an item, in a window with `taken` channels; their number. */
  tabulate(table: usize, item: i32, taken: i32): i32 {
    const edge = this.edge;
    const images = this.imagesFrom(this.firstImage(item));
    const rows = this.rowsFrom(this.firstRow(item));
    const columns = this.resultWidth;
    const rowOut = columns * this.channels;
    let tiles = 0;
    for (let image = 0; image < images; image++) {
      for (let row = 0; row < rows; row += edge) {
        for (let column = 0; column < columns; column += edge, table += TILE_BYTES, tiles++) {
          const pixel = (image * this.windowRows + row) * this.windowColumns + column;
          store<i32>(table, (pixel * taken) << 2);
          store<i32>(table, ((image * this.resultHeight + row) * rowOut + column * this.channels) << 2, 4);
          store<i32>(table, min(edge, rows - row), 8);
          store<i32>(table, min(edge, columns - column), 12);
        }
      }
    }
    return tiles;
  }

  /**
   * Transforms the inputs of tiles in a window with `taken` channels to places `distance` apart; the numbers of the next
   * tile are `tileBytes` behind, of the next four channels `fourBytes`.
   */
  transformInputs(
    inputs: usize,
    distance: usize,
    tileBytes: usize,
    fourBytes: usize,
    window: usize,
    entries: usize,
    tiles: i32,
    taken: i32,
  ): void {
    const pixelBytes = <usize>(taken << 2);
    const rowBytes = pixelBytes * this.windowColumns;
    const isTwo = this.edge == 2;
    for (let tile = 0; tile < tiles; tile++, inputs += tileBytes, entries += TILE_BYTES) {
      let x = window + load<u32>(entries);
      const end = x + pixelBytes;
      for (let target = inputs; x < end; x += 16, target += fourBytes) {
        if (isTwo) transformTwoInput(target, distance, x, rowBytes, pixelBytes);
        else transformFourInput(target, distance, x, rowBytes, pixelBytes);
      }
    }
  }
}
