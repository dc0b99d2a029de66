/**
 * 3×3 convolution of stride 1 of codes by Winograd's F(4×4, 3×3) (Lavin and Gray 2016): four by four results from six by
 * six inputs with 36 products instead of 144, Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. In floats it rounds; of integers it is exact:
 *
 * - Bᵀ d B is at most 100 times the largest code. The rows of G are taken as integers, (1, 0, 0), ∓(1, ±1, 1), (1, ±2, 4)
 *   and (0, 0, 1), so that G g Gᵀ is at most 49 times the largest code. Both are 16-bit integers.
 * - The factors that G lost are in Aᵀ, times 24: the result is 576 times too large. Sums are exact modulo 2³², whatever
 *   overflows between: a multiplication by the inverse of 9 leaves 64 times the sum, which is below 2³¹ (the sum of
 *   codes is at most 2²⁴), and a shift leaves the sum.
 */

import { multiplyWords } from './convWinograd';
import { SKEW } from './convWinogradTiles';
import { codePairs, IntegerWeightArguments } from './integerProducts';
import { IntegerConvolutionArguments } from './integerWindow';
import { endSlotOf, firstSlotOf, storeSlots } from './tileSlots';
import { touch } from './touch';

/** Positions of a transformed tile. */
const PLACES: i32 = 36;
/** Bytes of a tile in a table: offsets of its window and its result, rows and columns inside the result, its scale, its slot. */
const TILE_BYTES: i32 = 24;
/** Bytes of a worker's stage, where tiles are transformed first along one axis. */
const STAGE_BYTES: usize = 36 * 16;

@unmanaged
class IntegerWinogradArguments extends IntegerConvolutionArguments {
  /** From the weights of a panel of eight channels to the next panel's, and from those of a place to the next place's. */
  panelDistance: usize;
  placeDistance: usize;
  blockTiles: i32;

  /** Lists the tiles of the items from `item` to `next`, in slots one after another; their number. */
  tabulate(item: i32, next: i32, table: usize): i32 {
    const count = this.imagesOf(item, next);
    const rows = this.rowsOf(item, next);
    const columns = this.resultWidth;
    const pixelBytes = this.channels * 4;
    const resultRowBytes = columns * pixelBytes;
    let tiles = 0;
    for (let image = 0; image < count; image++) {
      const from = image * this.windowBytes();
      const to = image * this.resultHeight * resultRowBytes;
      const scale = load<f32>(this.scalesOf(item) + (image << 2));
      for (let row = 0; row < rows; row += 4) {
        for (let column = 0; column < columns; column += 4, table += TILE_BYTES, tiles++) {
          store<i32>(table, from + row * this.windowRowBytes() + column * this.depth * 2);
          store<i32>(table, to + row * resultRowBytes + column * pixelBytes, 4);
          store<i32>(table, min(4, rows - row), 8);
          store<i32>(table, min(4, columns - column), 12);
          store<f32>(table, scale, 16);
          store<i32>(table, tiles, 20);
        }
      }
    }
    return tiles;
  }
}

export function convolveIntegerWinograd(args: IntegerWinogradArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const channels = args.channels;
  const blockTiles = args.blockTiles;
  const stage = args.scratchOf(worker);
  const window = stage + STAGE_BYTES;
  const inputs = args.behindWindow(window);
  const products = inputs + <usize>(blockTiles * depth * 2 * PLACES) + SKEW * PLACES;
  const table = products + <usize>(blockTiles * 32 * PLACES) + SKEW * PLACES;
  const lastItem = args.firstItem(chunk + 1);
  let next = 0;
  for (let item = args.firstItem(chunk); item < lastItem; item = next) {
    next = args.behind(item, lastItem);
    args.storeWindow(window, item, next);
    const tiles = args.tabulate(item, next, table);
    for (let tile = 0; tile < tiles; tile += blockTiles) {
      const used = min(blockTiles, tiles - tile);
      const padded = (used + 3) & -4;
      const entries = table + <usize>(tile * TILE_BYTES);
      const distance = <usize>(padded * depth * 2) + SKEW;
      const productDistance = (<usize>padded << 5) + SKEW;
      // Places of slot 0, which may belong to an earlier block.
      const first = inputs - <usize>(tile * depth << 1);
      const slots = products - <usize>(tile << 5);
      transformInputs(first, distance, window, entries, used, args.windowRowBytes(), depth, stage);
      let weights = args.weights;
      for (let channel = 0; channel < channels; channel += 8, weights += args.panelDistance) {
        let w = weights;
        let a = inputs;
        let c = products;
        for (let place = 0; place < PLACES; place++) {
          multiply(c, a, w, padded, depth);
          w += args.placeDistance;
          a += distance;
          c += productDistance;
        }
        const y = args.resultOf(item) + <usize>(channel << 2);
        transformResults(entries, used, y, slots, productDistance, args.resultWidth * channels * 4, channels << 2, stage);
      }
    }
    args.measure(chunk, item, next);
  }
}

/**
 * The steps as calls of their own, for layers of so many channels that their weights fit no cache: the transformed
 * inputs of some chunks go to memory, so that the weights of a place are read once for many tiles.
 */
@unmanaged
class ApartIntegerArguments extends IntegerWinogradArguments {
  /** These chunks, of which a step of the convolution takes some. */
  firstChunk: i32;
  stepChunks: i32;
  /** Room for the tiles of a step, a multiple of four. */
  stepTiles: i32;
  /** Inputs of 36 places as `multiply` reads them, then products [36][panels][tiles][8], places `SKEW` further apart. */
  transformed: usize;

  /**
   * Rows of tiles, or only those with four rows of results, of the step's first `chunks`. Counts chunk by chunk, since items of
   * two chunks are not computed at once.
   */
  tileRows(chunks: i32, areFull: bool): i32 {
    let rows = 0;
    let item = this.firstItem(this.firstChunk);
    for (let chunk = 1; chunk <= chunks; chunk++) {
      const last = this.firstItem(this.firstChunk + chunk);
      while (item < last) {
        const next = this.behind(item, last);
        rows += this.imagesOf(item, next) * (this.rowsOf(item, next) + (areFull ? 0 : 3) >> 2);
        item = next;
      }
    }
    return rows;
  }

  /** Columns of tiles with four results. */
  @inline
  fullColumns(): i32 {
    return this.resultWidth >> 2;
  }

  @inline
  columns(): i32 {
    return this.resultWidth + 3 >> 2;
  }

  /** Gives the listed tiles slots among those of the step. `fullBefore`, `shorterBefore`: rows of tiles before them. */
  assignSlots(table: usize, tiles: i32, fullBefore: i32, shorterBefore: i32): void {
    const columns = this.columns();
    const fullRows = this.tileRows(this.stepChunks, true);
    const rows = this.tileRows(this.stepChunks, false);
    for (let tile = 0; tile < tiles; tile += columns, table += columns * TILE_BYTES) {
      const isFull = load<i32>(table, 8) == 4;
      storeSlots(table + 20, TILE_BYTES, isFull, fullBefore, shorterBefore, fullRows, rows, columns, this.fullColumns());
      if (isFull) fullBefore++;
      else shorterBefore++;
    }
  }

  /** The first of the slots whose tiles need products in a place. */
  @inline
  firstSlot(place: i32): i32 {
    return firstSlotOf(place % 6 == 5, this.tileRows(this.stepChunks, true), this.columns(), this.fullColumns());
  }

  /** The end of the slots whose tiles need products in a place. */
  @inline
  endSlot(place: i32): i32 {
    const fullRows = this.tileRows(this.stepChunks, true);
    const rows = this.tileRows(this.stepChunks, false);
    return endSlotOf(place / 6 == 5, place % 6 == 5, fullRows, rows, this.columns(), this.fullColumns());
  }

  @inline
  inputDistance(): usize {
    return <usize>(this.stepTiles * this.depth * 2) + SKEW;
  }

  @inline
  products(): usize {
    return this.transformed + this.inputDistance() * PLACES;
  }

  @inline
  productDistance(): usize {
    return <usize>(this.stepTiles * this.channels * 4) + SKEW;
  }
}

export function transformIntegerInputs(args: ApartIntegerArguments, chunk: i32, worker: i32): void {
  const own = args.firstChunk + chunk;
  const stage = args.scratchOf(worker);
  const window = stage + STAGE_BYTES;
  const table = args.behindWindow(window);
  const lastItem = args.firstItem(own + 1);
  let full = args.tileRows(chunk, true);
  let rows = args.tileRows(chunk, false);
  let next = 0;
  for (let item = args.firstItem(own); item < lastItem; item = next) {
    next = args.behind(item, lastItem);
    args.storeWindow(window, item, next);
    const tiles = args.tabulate(item, next, table);
    args.assignSlots(table, tiles, full, rows - full);
    const rowBytes = args.windowRowBytes();
    transformInputs(args.transformed, args.inputDistance(), window, table, tiles, rowBytes, args.depth, stage);
    full += args.imagesOf(item, next) * (args.rowsOf(item, next) >> 2);
    rows += tiles / args.columns();
  }
}

/** Products of half of the tiles, but not of a few, in one place. Chunk = 2 · place + half. */
export function multiplyIntegers(args: ApartIntegerArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const tiles = args.stepTiles;
  const place = chunk >> 1;
  const begin = args.firstSlot(place) & -4;
  const needed = (args.endSlot(place) - begin + 3) & -4;
  const most = max(64, (needed / 2 + 3) & -4);
  const start = min((chunk & 1) * most, needed);
  const taken = min(most, needed - start);
  const first = begin + start;
  const inputs = args.transformed + <usize>place * args.inputDistance() + <usize>(first * depth * 2);
  let products = args.products() + <usize>place * args.productDistance() + <usize>(first << 5);
  let weights = args.weights + <usize>place * args.placeDistance;
  for (let channel = 0; channel < args.channels; channel += 8, products += tiles << 5) {
    multiply(products, inputs, weights, taken, depth);
    weights += args.panelDistance;
  }
}

export function transformIntegerResults(args: ApartIntegerArguments, chunk: i32, worker: i32): void {
  const own = args.firstChunk + chunk;
  const channels = args.channels;
  const rowBytes = args.resultWidth * channels * 4;
  const stage = args.scratchOf(worker);
  const table = stage + STAGE_BYTES;
  const lastItem = args.firstItem(own + 1);
  let full = args.tileRows(chunk, true);
  let rows = args.tileRows(chunk, false);
  let next = 0;
  for (let item = args.firstItem(own); item < lastItem; item = next) {
    next = args.behind(item, lastItem);
    const tiles = args.tabulate(item, next, table);
    args.assignSlots(table, tiles, full, rows - full);
    let products = args.products();
    for (let channel = 0; channel < channels; channel += 8, products += args.stepTiles << 5) {
      const y = args.resultOf(item) + <usize>(channel << 2);
      transformResults(table, tiles, y, products, args.productDistance(), rowBytes, channels << 2, stage);
    }
    args.measure(own, item, next);
    full += args.imagesOf(item, next) * (args.rowsOf(item, next) >> 2);
    rows += tiles / args.columns();
  }
}

/** Bᵀ d B of tiles to 36 places `distance` apart, as `multiply` reads them. */
function transformInputs(
  inputs: usize,
  distance: usize,
  window: usize,
  entries: usize,
  tiles: i32,
  rowBytes: usize,
  depth: i32,
  stage: usize,
): void {
  const pixelBytes = <usize>(depth << 1);
  for (let tile = 0; tile < tiles; tile++, entries += TILE_BYTES) {
    let x = window + load<u32>(entries);
    const slot = load<u32>(entries, 20);
    let target = inputs + <usize>(slot >> 2) * (pixelBytes << 2) + ((slot & 3) << 4);
    for (const end = x + pixelBytes; x < end; x += 16, target += 64) {
      let p = x;
      for (let column: usize = 0; column < 96; column += 16, p += pixelBytes) {
        transformSix(stage + column, 96, p, rowBytes);
      }
      let to = target;
      for (let row: usize = 0; row < STAGE_BYTES; row += 96, to += distance * 6) {
        transformSix(to, distance, stage + row, 16);
      }
    }
  }
}

/** Bᵀ of six vectors of eight codes. */
@inline
function transformSix(target: usize, distance: usize, p: usize, apart: usize): void {
  const d0 = v128.load(p);
  p += apart;
  const d1 = v128.load(p);
  p += apart;
  const d2 = v128.load(p);
  p += apart;
  const d3 = v128.load(p);
  p += apart;
  const d4 = v128.load(p);
  p += apart;
  const d5 = v128.load(p);
  const fourth = i16x8.sub(d4, i16x8.shl(d2, 2));
  const third = i16x8.sub(d3, i16x8.shl(d1, 2));
  const even = i16x8.sub(d4, d2);
  const odd = i16x8.sub(d3, d1);
  const twice = i16x8.add(odd, odd);
  v128.store(target, i16x8.add(i16x8.shl(i16x8.sub(d0, d2), 2), even));
  target += distance;
  v128.store(target, i16x8.add(fourth, third));
  target += distance;
  v128.store(target, i16x8.sub(fourth, third));
  target += distance;
  v128.store(target, i16x8.add(even, twice));
  target += distance;
  v128.store(target, i16x8.sub(even, twice));
  target += distance;
  v128.store(target, i16x8.sub(i16x8.sub(d5, d3), i16x8.shl(odd, 2)));
}

/**
 * products [tiles][8] = inputs · weights [depth / 2][8][2] of one place, for a multiple of four tiles. Inputs are
 * [tiles / 4][depth / 8][four tiles][eight channels].
 */
function multiply(products: usize, inputs: usize, weights: usize, tiles: i32, depth: i32): void {
  multiplyWords(true, products, inputs, weights, tiles, depth >> 1);
}

/** The inverse of 9 modulo 2³². */
const NINTH: i32 = 0x38e38e39;

/** Aᵀ m A of each tile's slot to its pixels, as far as they are inside the result. */
function transformResults(
  entries: usize,
  tiles: i32,
  y: usize,
  products: usize,
  distance: usize,
  rowBytes: usize,
  pixelBytes: usize,
  stage: usize,
): void {
  for (let tile = 0; tile < tiles; tile++, entries += TILE_BYTES) {
    const own = products + (load<u32>(entries, 20) << 5);
    const target = y + load<u32>(entries, 4);
    const rows = load<i32>(entries, 8);
    const columns = load<i32>(entries, 12);
    const scale = v128.load32_splat(entries, 16);
    for (let half: usize = 0; half < 32; half += 16) {
      let p = own + half;
      for (let row: usize = 0; row < STAGE_BYTES; row += 96, p += distance * 6) {
        sumSix(stage + row, 16, p, distance);
      }
      let to = target + half;
      for (let column = 0; column < columns; column++, to += pixelBytes) {
        const at = stage + <usize>(column << 4);
        sumSix(at, 96, at, 96);
        let pixel = to;
        for (let row = 0; row < rows; row++, pixel += rowBytes) {
          const sum = i32x4.shr_s(i32x4.mul(v128.load(at + <usize>(row * 96)), i32x4.splat(NINTH)), 6);
          v128.store(pixel, f32x4.mul(f32x4.convert_i32x4_s(sum), scale));
        }
      }
    }
  }
}

/** 24 Aᵀ of six vectors of four products, four vectors. */
@inline
function sumSix(target: usize, apart: usize, p: usize, distance: usize): void {
  const m0 = v128.load(p);
  p += distance;
  const m1 = v128.load(p);
  p += distance;
  const m2 = v128.load(p);
  p += distance;
  const m3 = v128.load(p);
  p += distance;
  const m4 = v128.load(p);
  p += distance;
  const m5 = v128.load(p);
  const first = i32x4.shl(i32x4.add(m1, m2), 2);
  const second = i32x4.shl(i32x4.sub(m1, m2), 2);
  const third = i32x4.add(m3, m4);
  const fourth = i32x4.shl(i32x4.sub(m3, m4), 1);
  const begin = i32x4.shl(i32x4.add(i32x4.add(m0, m0), m0), 1);
  const end = i32x4.shl(i32x4.add(i32x4.add(m5, m5), m5), 3);
  v128.store(target, i32x4.add(i32x4.add(begin, first), third));
  target += apart;
  v128.store(target, i32x4.add(second, fourth));
  target += apart;
  v128.store(target, i32x4.add(first, i32x4.shl(third, 2)));
  target += apart;
  v128.store(target, i32x4.add(i32x4.add(second, i32x4.shl(fourth, 2)), end));
}

@unmanaged
class IntegerWinogradPackingArguments extends IntegerWeightArguments {
  depth: i32;
  /** As in `IntegerWinogradArguments`. */
  panelDistance: usize;
  placeDistance: usize;
  stage: usize;
  stageStride: usize;
}

/** Input channels whose packed weights are brought into the cache at a time. */
const TOUCHED_DEPTH = 128;

/** Packs G g Gᵀ as [depth / 2][8][2] for each panel of eight channels and each place. Chunk = panel. */
export function packIntegerWinogradWeights(args: IntegerWinogradPackingArguments, chunk: i32, worker: i32): void {
  const depth = args.depth;
  const inverse = args.inverse();
  const distance = args.placeDistance;
  const rowBytes = args.rowBytes();
  const tapBytes = depth * rowBytes;
  const stage = args.stage + <usize>worker * args.stageStride;
  const weights = args.panel(chunk);
  let target = args.target + <usize>chunk * args.panelDistance;
  args.measure(chunk, 9 * depth);
  for (let i = 0; i < depth; i += 2, target += 32) {
    // The processor does not prefetch as many places at once.
    if (i % TOUCHED_DEPTH == 0) {
      const bytes = min(TOUCHED_DEPTH, depth - i) << 4;
      for (let place = 0; place < PLACES; place++) touch(target + place * distance, bytes);
    }
    for (let half: usize = 0; half < 32; half += 16) {
      let p = weights + half + <usize>i * rowBytes;
      for (let column: usize = 0; column < 48; column += 16, p += tapBytes) {
        const g0 = codePairs(p, rowBytes, inverse);
        const g1 = codePairs(p + tapBytes * 3, rowBytes, inverse);
        const g2 = codePairs(p + tapBytes * 6, rowBytes, inverse);
        spread(stage + column, 48, g0, g1, g2);
      }
      let to = target + half;
      for (let row: usize = 0; row < 288; row += 48, to += distance * 6) {
        const at = stage + row;
        spread(to, distance, v128.load(at), v128.load(at, 16), v128.load(at, 32));
      }
    }
  }
}

/** G of three vectors of eight codes. */
@inline
function spread(target: usize, distance: usize, g0: v128, g1: v128, g2: v128): void {
  const ends = i16x8.add(g0, g2);
  const weighted = i16x8.add(g0, i16x8.shl(g2, 2));
  const twice = i16x8.add(g1, g1);
  v128.store(target, g0);
  target += distance;
  v128.store(target, i16x8.neg(i16x8.add(ends, g1)));
  target += distance;
  v128.store(target, i16x8.sub(g1, ends));
  target += distance;
  v128.store(target, i16x8.add(weighted, twice));
  target += distance;
  v128.store(target, i16x8.sub(weighted, twice));
  target += distance;
  v128.store(target, g2);
}
