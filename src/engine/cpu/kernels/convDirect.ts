/**
 * Direct convolution on NHWC tensors, forward and input gradient alike. An item is some whole images or a band of rows
 * of one image; its source window is copied into padded scratch, then every tile of 4 pixels × 8 result channels sums
 * over the rows of taps: within a row, taps and channels lie in one run (of each tap its own, where taps are apart).
 * Eight accumulators are what V8 keeps in registers; more spill. With no more than four channels, as in narrow groups, tiles
 * have 6 × 4 results.
 *
 * The result is computed in classes: one for a forward convolution; for the input gradient one for each parity of the
 * stride (pixels y, x with the same (y + before) mod stride meet the same taps), each a plain convolution of stride 1.
 */

import { entry, tablesBehind } from './argumentTables';
import { accumulateMoments, momentsBytes } from './convMoments';
import { ConvolutionArguments } from './convolutionArguments';
import { mad } from './mad';
import { loadPart, storePart } from './vector';

/** Arguments, followed by the classes, one `ConvolutionClass` after another. */
@unmanaged
class DirectArguments extends ConvolutionArguments {
  /** Or 0. */
  addend: usize;
  /** Moments of chunks, or 0. */
  moments: usize;
  sourceRowStride: i32;
  sourceColumnStride: i32;
  resultRowStride: i32;
  resultColumnStride: i32;
  /** Rows and columns of the window between taps. */
  rowDilation: i32;
  columnDilation: i32;
  /** First row of the window of band 0. */
  top: i32;
  left: i32;
  windowRows: i32;
  windowColumns: i32;
  classes: i32;
  /** Groups of channels that are independent of each other, and of how many of them windows are copied at once. */
  groups: i32;
  windowGroups: i32;
  /** Bytes of the table of a class's pixels. */
  tableBytes: i32;
}

@unmanaged
export class ConvolutionClass {
  rows: i32;
  columns: i32;
  /** First row in the result. */
  firstRow: i32;
  firstColumn: i32;
  tapRows: i32;
  tapColumns: i32;
  /** First row in the window. */
  windowRow: i32;
  windowColumn: i32;
  /** Packed weights of the groups, one after another. */
  weights: usize;
  /** The element of the kernel that is the first tap, and strides to the next ones. */
  firstTap: i32;
  rowStride: i32;
  columnStride: i32;
}

export function convolve(args: DirectArguments, chunk: i32, worker: i32): void {
  const groups = args.groups;
  const depth = args.depth / groups;
  const allChannels = args.channels;
  const channels = allChannels / groups;
  const result = args.result;
  const addend = args.addend;
  const moments = args.moments;
  const sourceRowStride = args.sourceRowStride;
  const rowBytes = args.windowColumns * depth * 4;
  const windowBytes = args.windowRows * rowBytes;
  const resultRowBytes = args.resultWidth * allChannels * 4;
  const imageBytes = args.resultHeight * resultRowBytes;
  const window = args.scratchOf(worker);
  const classes = tablesBehind(args);
  const groupBytes = args.itemImages * windowBytes;
  const tables = window + <usize>(args.windowGroups * groupBytes + 63 & -64);
  const isNarrow = channels <= 4;
  const tilePixels = isNarrow ? NARROW_PIXELS : TILE_PIXELS;
  const firstItem = args.firstItem(chunk);
  const lastItem = args.firstItem(chunk + 1);
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const top = args.top + firstRow * sourceRowStride;
    const images = result + <usize>image * imageBytes;
    // Groups read parts of every pixel.
    if (groups > 1) args.touchSource(image, count, top, args.windowRows);
    tabulateClasses(args, tables, tilePixels, count, firstRow);
    for (let group = 0; group < groups; group++) {
      const place = group % args.windowGroups;
      if (place == 0) {
        const parts = min(args.windowGroups, groups - group);
        args.padImages(window, image, count, top, args.left, args.windowRows, args.windowColumns, group * depth, depth, parts);
      }
      const ownWindow = window + <usize>(place * groupBytes);
      const ownImages = images + <usize>(group * channels * 4);
      for (let index = 0; index < args.classes; index++) {
        const part = entry<ConvolutionClass>(classes, index);
        const rows = min(args.itemRows, part.rows - firstRow);
        if (rows <= 0 || part.columns <= 0) continue;
        const tiles = tilesOf(count * rows * part.columns, tilePixels);
        const table = tables + <usize>(index * args.tableBytes);
        const tapRows = part.tapRows;
        const runs = args.columnDilation == 1 ? 1 : part.tapColumns;
        const run = args.columnDilation == 1 ? part.tapColumns * depth : depth;
        const x = ownWindow + <usize>((part.windowRow * args.windowColumns + part.windowColumn) * depth * 4);
        const resultRow = part.firstRow + firstRow * args.resultRowStride;
        const y = ownImages + <usize>(resultRow * resultRowBytes + part.firstColumn * allChannels * 4);
        const weightBytes = tapRows * part.tapColumns * depth * 32;
        const weights = part.weights + <usize>(group * ((channels + 7) >> 3)) * weightBytes;
        const runBytes = args.columnDilation * depth * 4;
        const tapRowBytes = args.rowDilation * rowBytes;
        const distance = addend ? addend - result : 0;
        const adds = addend != 0;
        if (isNarrow) {
          narrowPanel(table, tiles, x, y, distance, adds, weights, tapRows, runs, run, runBytes, tapRowBytes, channels);
          continue;
        }
        for (let channel = 0; channel < channels; channel += 8) {
          const to = y + <usize>(channel << 2);
          const w = weights + <usize>(channel >> 3) * weightBytes;
          const lanes = min(8, channels - channel);
          panel(table, tiles, x, to, distance, adds, w, tapRows, runs, run, runBytes, tapRowBytes, lanes);
        }
      }
    }
    if (moments) {
      const y = images + <usize>(firstRow * resultRowBytes);
      const pixels = count * args.rowsFrom(firstRow) * args.resultWidth;
      const block = moments + <usize>chunk * momentsBytes(allChannels);
      accumulateMoments(block, y, pixels, allChannels, item == firstItem);
    }
  }
}

/** Pixels of a tile × 8 channels, and of one × 4. */
export const TILE_PIXELS = 4;
const NARROW_PIXELS = 6;

@inline
function tilesOf(pixels: i32, tilePixels: i32): i32 {
  return (pixels + tilePixels - 1) / tilePixels;
}

/** Tabulates the pixels of an item by class, which are the same in all groups. */
function tabulateClasses(args: DirectArguments, tables: usize, tilePixels: i32, images: i32, firstRow: i32): void {
  const depth = args.depth / args.groups;
  const rowBytes = args.windowColumns * depth * 4;
  const pixelBytes = args.channels * 4;
  const resultRowBytes = args.resultWidth * pixelBytes;
  for (let index = 0; index < args.classes; index++) {
    const part = entry<ConvolutionClass>(tablesBehind(args), index);
    const rows = min(args.itemRows, part.rows - firstRow);
    if (rows <= 0 || part.columns <= 0) continue;
    tabulate(
      tables + <usize>(index * args.tableBytes),
      tilePixels,
      images,
      rows,
      part.columns,
      args.windowRows * rowBytes,
      args.sourceRowStride * rowBytes,
      args.sourceColumnStride * depth * 4,
      args.resultHeight * resultRowBytes,
      args.resultRowStride * resultRowBytes,
      args.resultColumnStride * pixelBytes,
    );
  }
}

/**
 * Writes for each pixel of an item the byte offsets of its window and its result, and repeats the last one to fill the
 * last tile. Returns the number of tiles. A tile may span rows and images of any size.
 */
export function tabulate(
  table: usize,
  tilePixels: i32,
  images: i32,
  rows: i32,
  columns: i32,
  imageIn: i32,
  rowIn: i32,
  columnIn: i32,
  imageOut: i32,
  rowOut: i32,
  columnOut: i32,
): i32 {
  let entry = table;
  for (let image = 0; image < images; image++) {
    for (let row = 0; row < rows; row++) {
      let from = image * imageIn + row * rowIn;
      let to = image * imageOut + row * rowOut;
      for (let column = 0; column < columns; column++, entry += 8, from += columnIn, to += columnOut) {
        store<i32>(entry, from);
        store<i32>(entry, to, 4);
      }
    }
  }
  const pixels = images * rows * columns;
  const tiles = tilesOf(pixels, tilePixels);
  const last = load<i64>(entry - 8);
  for (let pixel = pixels; pixel < tiles * tilePixels; pixel++, entry += 8) store<i64>(entry, last);
  return tiles;
}

/**
 * All tiles of an item in one panel of result channels. The addend is `addendDistance` bytes from the result. The runs
 * of a row of taps are `runBytes` apart.
 */
function panel(
  table: usize,
  tiles: i32,
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  weights: usize,
  tapRows: i32,
  runs: i32,
  run: i32,
  runBytes: i32,
  rowBytes: i32,
  lanes: i32,
): void {
  const nextRun = runs == 1 ? 0 : runBytes - (run << 2);
  const nextRow = rowBytes - runs * ((run << 2) + nextRun);
  for (let tile = 0; tile < tiles; tile++, table += 32) {
    let p0 = x + load<u32>(table);
    let p1 = x + load<u32>(table, 8);
    let p2 = x + load<u32>(table, 16);
    let p3 = x + load<u32>(table, 24);
    let w = weights;
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0);
    let c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0);
    let c31 = f32x4.splat(0);
    for (let row = 0; row < tapRows; row++) {
      for (let index = 0; index < runs; index++) {
        const end = p0 + (run << 2);
        while (p0 < end) {
          const b0 = v128.load(w);
          const b1 = v128.load(w, 16);
          let a = v128.load32_splat(p0);
          c00 = mad(a, b0, c00);
          c01 = mad(a, b1, c01);
          a = v128.load32_splat(p1);
          c10 = mad(a, b0, c10);
          c11 = mad(a, b1, c11);
          a = v128.load32_splat(p2);
          c20 = mad(a, b0, c20);
          c21 = mad(a, b1, c21);
          a = v128.load32_splat(p3);
          c30 = mad(a, b0, c30);
          c31 = mad(a, b1, c31);
          w += 32;
          p0 += 4;
          p1 += 4;
          p2 += 4;
          p3 += 4;
        }
        p0 += nextRun;
        p1 += nextRun;
        p2 += nextRun;
        p3 += nextRun;
      }
      p0 += nextRow;
      p1 += nextRow;
      p2 += nextRow;
      p3 += nextRow;
    }
    const y0 = y + load<u32>(table, 4);
    const y1 = y + load<u32>(table, 12);
    const y2 = y + load<u32>(table, 20);
    const y3 = y + load<u32>(table, 28);
    if (lanes == 8) {
      if (adds) {
        // All are read before any is written, so that repeated pixels and an addend in the result's place do no harm.
        c00 = f32x4.add(c00, v128.load(y0 + addendDistance));
        c01 = f32x4.add(c01, v128.load(y0 + addendDistance, 16));
        c10 = f32x4.add(c10, v128.load(y1 + addendDistance));
        c11 = f32x4.add(c11, v128.load(y1 + addendDistance, 16));
        c20 = f32x4.add(c20, v128.load(y2 + addendDistance));
        c21 = f32x4.add(c21, v128.load(y2 + addendDistance, 16));
        c30 = f32x4.add(c30, v128.load(y3 + addendDistance));
        c31 = f32x4.add(c31, v128.load(y3 + addendDistance, 16));
      }
      v128.store(y0, c00);
      v128.store(y0, c01, 16);
      v128.store(y1, c10);
      v128.store(y1, c11, 16);
      v128.store(y2, c20);
      v128.store(y2, c21, 16);
      v128.store(y3, c30);
      v128.store(y3, c31, 16);
      continue;
    }
    if (adds) {
      c00 = f32x4.add(c00, loadLanes(y0 + addendDistance, lanes));
      c01 = f32x4.add(c01, loadLanes(y0 + addendDistance + 16, lanes - 4));
      c10 = f32x4.add(c10, loadLanes(y1 + addendDistance, lanes));
      c11 = f32x4.add(c11, loadLanes(y1 + addendDistance + 16, lanes - 4));
      c20 = f32x4.add(c20, loadLanes(y2 + addendDistance, lanes));
      c21 = f32x4.add(c21, loadLanes(y2 + addendDistance + 16, lanes - 4));
      c30 = f32x4.add(c30, loadLanes(y3 + addendDistance, lanes));
      c31 = f32x4.add(c31, loadLanes(y3 + addendDistance + 16, lanes - 4));
    }
    storeLanes(y0, c00, lanes);
    storeLanes(y0 + 16, c01, lanes - 4);
    storeLanes(y1, c10, lanes);
    storeLanes(y1 + 16, c11, lanes - 4);
    storeLanes(y2, c20, lanes);
    storeLanes(y2 + 16, c21, lanes - 4);
    storeLanes(y3, c30, lanes);
    storeLanes(y3 + 16, c31, lanes - 4);
  }
}

/** The same with no more than four channels, `lanes`: six pixels a tile. */
function narrowPanel(
  table: usize,
  tiles: i32,
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  weights: usize,
  tapRows: i32,
  runs: i32,
  run: i32,
  runBytes: i32,
  rowBytes: i32,
  lanes: i32,
): void {
  const nextRun = runs == 1 ? 0 : runBytes - (run << 2);
  const nextRow = rowBytes - runs * ((run << 2) + nextRun);
  for (let tile = 0; tile < tiles; tile++, table += 8 * NARROW_PIXELS) {
    let p0 = x + load<u32>(table);
    let p1 = x + load<u32>(table, 8);
    let p2 = x + load<u32>(table, 16);
    let p3 = x + load<u32>(table, 24);
    let p4 = x + load<u32>(table, 32);
    let p5 = x + load<u32>(table, 40);
    let w = weights;
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let c2 = f32x4.splat(0);
    let c3 = f32x4.splat(0);
    let c4 = f32x4.splat(0);
    let c5 = f32x4.splat(0);
    for (let row = 0; row < tapRows; row++) {
      for (let index = 0; index < runs; index++) {
        const end = p0 + (run << 2);
        while (p0 < end) {
          const b = v128.load(w);
          c0 = mad(v128.load32_splat(p0), b, c0);
          c1 = mad(v128.load32_splat(p1), b, c1);
          c2 = mad(v128.load32_splat(p2), b, c2);
          c3 = mad(v128.load32_splat(p3), b, c3);
          c4 = mad(v128.load32_splat(p4), b, c4);
          c5 = mad(v128.load32_splat(p5), b, c5);
          w += 32;
          p0 += 4;
          p1 += 4;
          p2 += 4;
          p3 += 4;
          p4 += 4;
          p5 += 4;
        }
        p0 += nextRun;
        p1 += nextRun;
        p2 += nextRun;
        p3 += nextRun;
        p4 += nextRun;
        p5 += nextRun;
      }
      p0 += nextRow;
      p1 += nextRow;
      p2 += nextRow;
      p3 += nextRow;
      p4 += nextRow;
      p5 += nextRow;
    }
    const y0 = y + load<u32>(table, 4);
    const y1 = y + load<u32>(table, 12);
    const y2 = y + load<u32>(table, 20);
    const y3 = y + load<u32>(table, 28);
    const y4 = y + load<u32>(table, 36);
    const y5 = y + load<u32>(table, 44);
    if (adds) {
      c0 = f32x4.add(c0, loadPart(y0 + addendDistance, lanes));
      c1 = f32x4.add(c1, loadPart(y1 + addendDistance, lanes));
      c2 = f32x4.add(c2, loadPart(y2 + addendDistance, lanes));
      c3 = f32x4.add(c3, loadPart(y3 + addendDistance, lanes));
      c4 = f32x4.add(c4, loadPart(y4 + addendDistance, lanes));
      c5 = f32x4.add(c5, loadPart(y5 + addendDistance, lanes));
    }
    storePart(y0, c0, lanes);
    storePart(y1, c1, lanes);
    storePart(y2, c2, lanes);
    storePart(y3, c3, lanes);
    storePart(y4, c4, lanes);
    storePart(y5, c5, lanes);
  }
}

/** As `loadPart`, but zeros for a count below one: the second half of a panel may be empty. */
@inline
export function loadLanes(p: usize, lanes: i32): v128 {
  return lanes > 0 ? loadPart(p, lanes) : f32x4.splat(0);
}

@inline
export function storeLanes(p: usize, values: v128, lanes: i32): void {
  if (lanes > 0) storePart(p, values, lanes);
}
