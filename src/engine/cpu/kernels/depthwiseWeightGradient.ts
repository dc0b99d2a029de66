/**
 * Weight gradient of a depthwise convolution, without copies: the lowering tabulates the taps of each row, and of each
 * run of columns, that are inside the image. Three taps of a kernel row × 8 channels are summed over the pixels of an
 * item (some whole images or a band of rows) and added to the chunk's partial gradient. `reduceWeightGradient` adds the
 * chunks in order.
 *
 * Partial gradient of a chunk: [panels of 8 channels][kernel rows · kernel columns][8].
 */

import { entry, tablesBehind } from './argumentTables';
import { ConvolutionArguments } from './convolutionArguments';
import { put } from './convWeightGradient';
import { ColumnRun, RowSpan } from './depthwiseSpans';
import { mad } from './mad';

/** Arguments, followed by a `RowSpan` for each row of the result and a `ColumnRun` for each run of columns. */
@unmanaged
class DepthwiseWeightGradientArguments extends ConvolutionArguments {
  /** Sums of each chunk. */
  partials: usize;
  tapRows: i32;
  tapColumns: i32;
  rowDilation: i32;
  columnDilation: i32;
  /** Columns of the source between neighbours of a run. */
  sourceStep: i32;
  runs: i32;

  @inline
  get pixelBytes(): i32 {
    return this.channels << 2;
  }

  @inline
  rowSpan(row: i32): RowSpan {
    return entry<RowSpan>(tablesBehind(this), row);
  }

  @inline
  columnRun(index: i32): ColumnRun {
    return entry<ColumnRun>(tablesBehind(this) + <usize>this.resultHeight * offsetof<RowSpan>(), index);
  }
}

export function depthwiseWeightGradient(args: DepthwiseWeightGradientArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const tapColumns = args.tapColumns;
  const taps = args.tapRows * tapColumns;
  const partial = args.partials + <usize>chunk * (((channels + 7) >> 3) * taps * 32);
  const zeros = args.scratchOf(worker);
  memory.fill(zeros, 0, 32);
  const sums = zeros + 32;
  const firstItem = args.firstItem(chunk);
  const lastItem = args.firstItem(chunk + 1);
  for (let item = firstItem; item < lastItem; item++) {
    const image = args.firstImage(item);
    const count = args.imagesFrom(image);
    const firstRow = args.firstRow(item);
    const rows = args.rowsFrom(firstRow);
    const first = args.rowSpan(firstRow).source;
    const last = args.rowSpan(firstRow + rows - 1);
    args.touchSource(image, count, first, last.source + max(last.taps - 1, 0) * args.rowDilation + 1 - first);
    args.touchResult(image, count, firstRow, rows, 0, args.channels);
    const gradient = args.result + <usize>((image * args.resultHeight + firstRow) * args.resultWidth) * args.pixelBytes;
    // Two panels share cache lines. If the channels are no multiple of eight the last panel reads past a pixel; its
    // sums there are dropped.
    for (let channel = 0; channel < channels; channel += 16) {
      const panels = channel + 8 < channels ? 2 : 1;
      memory.fill(sums, 0, panels * taps * 32);
      let b = gradient + <usize>(channel << 2);
      for (let i = 0; i < count; i++) {
        for (let row = firstRow; row < firstRow + rows; row++) {
          const span = args.rowSpan(row);
          const x = args.source + <usize>(((image + i) * args.height + span.source) * args.width * channels + channel) * 4;
          for (let panel = 0; panel < panels; panel++) {
            sumRow(args, sums + <usize>(panel * taps * 32), span, x + <usize>(panel << 5), b + <usize>(panel << 5), zeros);
          }
          b += args.resultWidth * args.pixelBytes;
        }
      }
      let target = partial + <usize>(channel >> 3) * (taps * 32);
      for (let sum = sums; sum < sums + panels * taps * 32; sum += 32, target += 32) {
        put(target, v128.load(sum), v128.load(sum, 16), item == firstItem);
      }
    }
  }
}

/**
 * Adds the products of a row's dy at `b`, 8 channels, with the inputs at the taps of its span, which begin at `x`, to
 * the sums of the taps. Columns outside of the image are zeros.
 */
function sumRow(args: DepthwiseWeightGradientArguments, sums: usize, span: RowSpan, x: usize, b: usize, zeros: usize): void {
  const tapColumns = args.tapColumns;
  const pixelBytes = args.pixelBytes;
  const tapBytes = args.columnDilation * pixelBytes;
  const rowBytes = args.rowDilation * args.width * pixelBytes;
  const step = args.sourceStep * pixelBytes;
  const runs = args.runs;
  let sum = sums + <usize>(span.firstTap * tapColumns * 32);
  for (let tap = span.taps; tap > 0; tap--, x += rowBytes) {
    for (let column = 0; column < tapColumns; ) {
      const three = column + 3 <= tapColumns;
      let c00 = v128.load(sum);
      let c01 = v128.load(sum, 16);
      let c10 = v128.load(sum, 32);
      let c11 = v128.load(sum, 48);
      let c20 = v128.load(sum, 64);
      let c21 = v128.load(sum, 80);
      let dy = b;
      for (let index = 0; index < runs; index++) {
        const run = args.columnRun(index);
        const taps = <u32>run.taps;
        const place = column - run.firstTap;
        const at = x + <usize>(run.source * pixelBytes + place * tapBytes);
        let p0 = <u32>place < taps ? at : zeros;
        const step0 = <u32>place < taps ? step : 0;
        if (three) {
          let p1 = <u32>(place + 1) < taps ? at + tapBytes : zeros;
          const step1 = <u32>(place + 1) < taps ? step : 0;
          let p2 = <u32>(place + 2) < taps ? at + (tapBytes << 1) : zeros;
          const step2 = <u32>(place + 2) < taps ? step : 0;
          for (let pixel = run.count; pixel > 0; pixel--, dy += pixelBytes, p0 += step0, p1 += step1, p2 += step2) {
            const b0 = v128.load(dy);
            const b1 = v128.load(dy, 16);
            c00 = mad(v128.load(p0), b0, c00);
            c01 = mad(v128.load(p0, 16), b1, c01);
            c10 = mad(v128.load(p1), b0, c10);
            c11 = mad(v128.load(p1, 16), b1, c11);
            c20 = mad(v128.load(p2), b0, c20);
            c21 = mad(v128.load(p2, 16), b1, c21);
          }
        } else {
          for (let pixel = run.count; pixel > 0; pixel--, dy += pixelBytes, p0 += step0) {
            c00 = mad(v128.load(p0), v128.load(dy), c00);
            c01 = mad(v128.load(p0, 16), v128.load(dy, 16), c01);
          }
        }
      }
      v128.store(sum, c00);
      v128.store(sum, c01, 16);
      if (three) {
        v128.store(sum, c10, 32);
        v128.store(sum, c11, 48);
        v128.store(sum, c20, 64);
        v128.store(sum, c21, 80);
      }
      sum += three ? 96 : 32;
      column += three ? 3 : 1;
    }
  }
}
