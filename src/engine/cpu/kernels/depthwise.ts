/**
 * Depthwise convolution on NHWC tensors, forward and input gradient alike, without copies: the lowering tabulates for
 * every row of the result, and for every run of equal columns, which taps fall inside the image, so that borders need no
 * tests here. The weights [kernel rows, kernel columns, channels] are read in place.
 *
 * Channels run inside, pixels outside, so that whole cache lines are used.
 */

import { accumulateMoments, momentsBytes } from './convMoments';
import { word } from './convPad';
import { convolveApart, convolveOne, convolveOverlapping, fewChannels } from './depthwiseTiles';

/** Pixels after which moments are gathered, while the result is still in the cache; whole rows. */
const MOMENTS_PIXELS = 128;

/**
 * Arguments: 0 source, height, width; 3 result, height, width; 6 channels, addend or 0; 8 weights, kernel columns, step
 * between kernel rows and columns; 11 rows of all images, chunks; 13 columns between neighbours of a run in the source,
 * in the result; 15 moments blocks or 0; 16 runs; then for each row of the result 3 words: first row of the source, taps,
 * first kernel row; then for each run of columns 5 words: first column of the result, columns, first column of the
 * source, taps, first kernel column.
 */
export function depthwiseConvolve(args: usize, chunk: i32, worker: i32): void {
  const source = <usize>word(args, 0);
  const height = word(args, 1);
  const width = word(args, 2);
  const result = <usize>word(args, 3);
  const resultHeight = word(args, 4);
  const resultWidth = word(args, 5);
  const channels = word(args, 6);
  const addend = <usize>word(args, 7);
  const weights = <usize>word(args, 8);
  const kernelColumns = word(args, 9);
  const tapStep = word(args, 10);
  const rows = word(args, 11);
  const chunks = word(args, 12);
  const sourceStep = word(args, 13);
  const resultStep = word(args, 14);
  const moments = <usize>word(args, 15);
  const runs = word(args, 16);
  const rowTable = args + 68;
  const runTable = rowTable + <usize>resultHeight * 12;

  const pixelBytes = channels << 2;
  const firstRow = chunk * rows / chunks;
  const lastRow = (chunk + 1) * rows / chunks;
  let counted = firstRow;
  for (let row = firstRow; row < lastRow; row++) {
    const entry = rowTable + <usize>(row % resultHeight) * 12;
    const x = source + <usize>((row / resultHeight * height + load<i32>(entry)) * width) * pixelBytes;
    const y = result + <usize>(row * resultWidth) * pixelBytes;
    const w = weights + <usize>(load<i32>(entry, 8) * kernelColumns) * pixelBytes;
    for (let run = 0; run < runs; run++) {
      const block = runTable + <usize>run * 20;
      convolveRun(
        x + <usize>load<i32>(block, 8) * pixelBytes,
        y + <usize>load<i32>(block) * pixelBytes,
        addend ? addend - result : 0,
        addend != 0,
        w + <usize>load<i32>(block, 16) * pixelBytes,
        load<i32>(block, 4),
        sourceStep * pixelBytes,
        resultStep * pixelBytes,
        load<i32>(entry, 4),
        load<i32>(block, 12),
        width * pixelBytes,
        tapStep * kernelColumns * pixelBytes,
        tapStep * pixelBytes,
        channels,
      );
    }
    const pixels = (row + 1 - counted) * resultWidth;
    if (moments && (pixels >= MOMENTS_PIXELS || row + 1 == lastRow)) {
      const block = moments + <usize>chunk * momentsBytes(channels);
      accumulateMoments(block, result + <usize>(counted * resultWidth) * pixelBytes, pixels, channels, counted == firstRow);
      counted = row + 1;
    }
  }
}

/** Pixels of one row that meet the same taps; an addend is as far from the result as `addendDistance`. */
function convolveRun(
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  w: usize,
  count: i32,
  xStep: i32,
  yStep: i32,
  tapRows: i32,
  tapColumns: i32,
  rowBytes: i32,
  wRow: i32,
  wColumn: i32,
  channels: i32,
): void {
  const whole = channels & -8;
  const overlaps = tapColumns == 3 && xStep == channels << 2;
  let pixel = 0;
  for (; pixel + 4 <= count; pixel += 4, x += xStep << 2, y += yStep << 2) {
    if (overlaps) convolveOverlapping(x, y, addendDistance, adds, w, yStep, tapRows, rowBytes, wRow, wColumn, channels);
    else convolveApart(x, y, addendDistance, adds, w, xStep, yStep, tapRows, tapColumns, rowBytes, wRow, wColumn, channels);
    for (let other = 0; whole < channels && other < 4; other++) {
      const from = x + other * xStep;
      fewChannels(from, y + other * yStep, addendDistance, adds, w, whole, tapRows, tapColumns, rowBytes, wRow, wColumn, channels);
    }
  }
  for (; pixel < count; pixel++, x += xStep, y += yStep) {
    convolveOne(x, y, addendDistance, adds, w, tapRows, tapColumns, rowBytes, wRow, wColumn, channels);
    if (whole < channels) {
      fewChannels(x, y, addendDistance, adds, w, whole, tapRows, tapColumns, rowBytes, wRow, wColumn, channels);
    }
  }
}
