/**
 * Depthwise convolution on NHWC tensors, forward and input gradient alike, without copies: the lowering tabulates for
 * every row of the result, and for every run of equal columns, the taps inside the image, so that borders need no tests
 * here. The weights [kernel rows, kernel columns, channels] are read in place.
 *
 * The inner loop is over channels, the outer one over pixels, so that whole cache lines are used.
 */

import { entry, tablesBehind } from './argumentTables';
import { accumulateRows, momentsBytes } from './convMoments';
import { ColumnRun, RowSpan } from './depthwiseSpans';
import { convolveApart, convolveOne, convolveOverlapping, fewChannels } from './depthwiseTiles';
import { firstOfShare } from './shares';
import { touch } from './touch';

/** Arguments, followed by a `RowSpan` for each row of the result and a `ColumnRun` for each run of columns. */
@unmanaged
class DepthwiseArguments {
  source: usize;
  height: i32;
  width: i32;
  result: usize;
  resultHeight: i32;
  resultWidth: i32;
  channels: i32;
  /** Or 0. */
  addend: usize;
  weights: usize;
  kernelColumns: i32;
  /** Between the kernel's rows and columns that one result meets, and between the source's that they see. */
  tapRowStep: i32;
  tapColumnStep: i32;
  rowDilation: i32;
  columnDilation: i32;
  /** Number of rows of all images. */
  rows: i32;
  chunks: i32;
  /** Columns between neighbours of a run. */
  sourceStep: i32;
  resultStep: i32;
  /** Moments of chunks, or 0. */
  moments: usize;
  runs: i32;
}

export function depthwiseConvolve(args: DepthwiseArguments, chunk: i32, worker: i32): void {
  const width = args.width;
  const result = args.result;
  const resultHeight = args.resultHeight;
  const resultWidth = args.resultWidth;
  const channels = args.channels;
  const addend = args.addend;
  const kernelColumns = args.kernelColumns;
  const rowBytes = args.rowDilation * width * (channels << 2);
  const moments = args.moments;
  const rowTable = tablesBehind(args);
  const runTable = rowTable + <usize>resultHeight * offsetof<RowSpan>();

  const pixelBytes = channels << 2;
  const firstRow = firstOfShare(chunk, args.rows, args.chunks);
  const lastRow = firstOfShare(chunk + 1, args.rows, args.chunks);
  let counted = firstRow;
  /** Rows of the source, of all images, that have been read. */
  let touched = 0;
  for (let row = firstRow; row < lastRow; row++) {
    const span = entry<RowSpan>(rowTable, row % resultHeight);
    const x = args.source + <usize>((row / resultHeight * args.height + span.source) * width) * pixelBytes;
    const y = result + <usize>(row * resultWidth) * pixelBytes;
    const image = row / resultHeight * args.height;
    const end = image + span.source + (span.taps - 1) * args.rowDilation + 1;
    for (touched = max(touched, image + span.source); touched < end; touched++) {
      touch(args.source + <usize>(touched * width) * pixelBytes, width * pixelBytes);
    }
    // If runs skip pixels, each store would fetch the others' lines.
    if (args.resultStep > 1) touch(y, resultWidth * pixelBytes);
    const w = args.weights + <usize>(span.firstTap * kernelColumns) * pixelBytes;
    for (let index = 0; index < args.runs; index++) {
      const run = entry<ColumnRun>(runTable, index);
      convolveRun(
        x + <usize>run.source * pixelBytes,
        y + <usize>run.first * pixelBytes,
        addend ? addend - result : 0,
        addend != 0,
        w + <usize>run.firstTap * pixelBytes,
        run.count,
        args.sourceStep * pixelBytes,
        args.resultStep * pixelBytes,
        span.taps,
        run.taps,
        rowBytes,
        args.columnDilation * pixelBytes,
        args.tapRowStep * kernelColumns * pixelBytes,
        args.tapColumnStep * pixelBytes,
        channels,
      );
    }
    if (moments) {
      const block = moments + <usize>chunk * momentsBytes(channels);
      counted = accumulateRows(block, result, resultWidth, channels, firstRow, counted, row + 1, lastRow);
    }
  }
}

/** Pixels of one row that meet the same taps. The addend is `addendDistance` bytes from the result. */
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
  tapBytes: i32,
  wRow: i32,
  wColumn: i32,
  channels: i32,
): void {
  const whole = channels & -8;
  const near = tapColumns == 3 && xStep == tapBytes;
  const apart = !near && (tapColumns != 3 || xStep != tapBytes << 1);
  for (let pixel = 0; pixel < count; ) {
    const left = count - pixel;
    // The last tile computes some pixels again instead of several single ones.
    const skipped = !apart && left > 1 && count >= 4 ? max(4 - left, 0) : 0;
    const isTile = left + skipped >= 4;
    const pixels = isTile ? 4 : 1;
    const from = x + (pixel - skipped) * xStep;
    const to = y + (pixel - skipped) * yStep;
    if (!isTile) {
      convolveOne(from, to, addendDistance, adds, w, tapRows, tapColumns, rowBytes, tapBytes, wRow, wColumn, channels);
    } else if (apart) {
      convolveApart(from, to, addendDistance, adds, w, xStep, yStep, tapRows, tapColumns, rowBytes, tapBytes, wRow, wColumn, channels);
    } else if (near) {
      convolveOverlapping(1, skipped, from, to, addendDistance, adds, w, yStep, tapRows, rowBytes, tapBytes, wRow, wColumn, channels);
    } else {
      convolveOverlapping(2, skipped, from, to, addendDistance, adds, w, yStep, tapRows, rowBytes, tapBytes, wRow, wColumn, channels);
    }
    for (let other = skipped; whole < channels && other < pixels; other++) {
      fewChannels(from + other * xStep, to + other * yStep, addendDistance, adds, w, whole, tapRows, tapColumns, rowBytes, tapBytes, wRow, wColumn, channels);
    }
    pixel += pixels;
  }
}
