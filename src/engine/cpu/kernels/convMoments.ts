/**
 * Mean and variance of a convolution's result by channel, gathered while it is still in the cache, or of any tensor. A chunk sums its
 * values' distances from its first pixel (a pivot near the mean: no cancellation) in float32 vectors, carried over to
 * float64 every few pixels (after 1024 of them a sum of squares in float32 would be off by 1e-6); the chunks are
 * combined in their order (Chan, Golub, LeVeque 1983), so the number of workers changes nothing.
 *
 * A chunk's block, for `channels` rounded up to 8 = C: count (f64), sums (f64 × C), sums of squares (f64 × C), pivots
 * (f32 × C).
 */

import { ChannelRowArguments } from './channelRows';
import { mad } from './mad';
import { storePart } from './vector';

@inline
export function momentsBytes(channels: i32): usize {
  return 16 + <usize>((channels + 7) & -8) * 20;
}

/** Adds the `pixels` × `channels` values at `y` to a chunk's block; `first` resets the block. */
export function accumulateMoments(block: usize, y: usize, pixels: i32, channels: i32, first: bool): void {
  const padded = <usize>((channels + 7) & -8);
  const sums = block + 8;
  const squares = sums + (padded << 3);
  const pivots = squares + (padded << 3);
  if (first) {
    store<f64>(block, 0);
    for (let c = 0; c < channels; c++) {
      store<f64>(sums + (c << 3), 0);
      store<f64>(squares + (c << 3), 0);
      store<f32>(pivots + (c << 2), load<f32>(y + (c << 2)));
    }
  }
  store<f64>(block, load<f64>(block) + <f64>pixels);
  for (let from = 0; from < pixels; from += RUN) {
    accumulateRun(sums, squares, pivots, y + ((from * channels) << 2), min(RUN, pixels - from), channels);
  }
}

/** Pixels after which rows are added, while they are still in the cache. */
const ROWS_PIXELS = 128;

/**
 * Adds the rows [width, channels] from `counted` to `row` of a chunk, which has those from `firstRow` to `lastRow`, to its
 * block. Returns the first row that is left for a later call, since it is too few pixels with those behind it.
 */
export function accumulateRows(
  block: usize,
  result: usize,
  width: i32,
  channels: i32,
  firstRow: i32,
  counted: i32,
  row: i32,
  lastRow: i32,
): i32 {
  const step = (ROWS_PIXELS + width - 1) / width;
  const rowBytes = <usize>(width * channels << 2);
  while (counted < row && (counted + step <= row || row == lastRow)) {
    const taken = min(step, row - counted);
    accumulateMoments(block, result + <usize>counted * rowBytes, taken * width, channels, counted == firstRow);
    counted += taken;
  }
  return counted;
}

/** Pixels whose distances are summed in float32: two sums of half as many each. */
const RUN = 64;

function accumulateRun(sums: usize, squares: usize, pivots: usize, y: usize, pixels: i32, channels: i32): void {
  const stride = channels << 2;
  let c = 0;
  for (; c + 8 <= channels; c += 8) {
    const pivot0 = v128.load(pivots + (c << 2));
    const pivot1 = v128.load(pivots + (c << 2), 16);
    let sum0 = f32x4.splat(0);
    let sum1 = f32x4.splat(0);
    let square0 = f32x4.splat(0);
    let square1 = f32x4.splat(0);
    // Two pixels at a time with separate sums, since a single sum would wait for each addition.
    let otherSum0 = f32x4.splat(0);
    let otherSum1 = f32x4.splat(0);
    let otherSquare0 = f32x4.splat(0);
    let otherSquare1 = f32x4.splat(0);
    let p = y + (c << 2);
    let pixel = 0;
    for (; pixel + 2 <= pixels; pixel += 2, p += stride << 1) {
      let a = f32x4.sub(v128.load(p), pivot0);
      let b = f32x4.sub(v128.load(p, 16), pivot1);
      sum0 = f32x4.add(sum0, a);
      sum1 = f32x4.add(sum1, b);
      square0 = mad(a, a, square0);
      square1 = mad(b, b, square1);
      a = f32x4.sub(v128.load(p + stride), pivot0);
      b = f32x4.sub(v128.load(p + stride, 16), pivot1);
      otherSum0 = f32x4.add(otherSum0, a);
      otherSum1 = f32x4.add(otherSum1, b);
      otherSquare0 = mad(a, a, otherSquare0);
      otherSquare1 = mad(b, b, otherSquare1);
    }
    if (pixel < pixels) {
      const a = f32x4.sub(v128.load(p), pivot0);
      const b = f32x4.sub(v128.load(p, 16), pivot1);
      sum0 = f32x4.add(sum0, a);
      sum1 = f32x4.add(sum1, b);
      square0 = mad(a, a, square0);
      square1 = mad(b, b, square1);
    }
    sum0 = f32x4.add(sum0, otherSum0);
    sum1 = f32x4.add(sum1, otherSum1);
    square0 = f32x4.add(square0, otherSquare0);
    square1 = f32x4.add(square1, otherSquare1);
    carry(sums + (c << 3), sum0);
    carry(sums + (c << 3) + 32, sum1);
    carry(squares + (c << 3), square0);
    carry(squares + (c << 3) + 32, square1);
  }
  for (; c < channels; c++) {
    const pivot = load<f32>(pivots + (c << 2));
    let sum: f64 = 0;
    let square: f64 = 0;
    let p = y + (c << 2);
    for (let pixel = 0; pixel < pixels; pixel++, p += stride) {
      const a = <f64>(load<f32>(p) - pivot);
      sum += a;
      square += a * a;
    }
    store<f64>(sums + (c << 3), load<f64>(sums + (c << 3)) + sum);
    store<f64>(squares + (c << 3), load<f64>(squares + (c << 3)) + square);
  }
}

/** Adds four floats to four doubles. */
@inline
function carry(target: usize, values: v128): void {
  v128.store(target, f64x2.add(v128.load(target), f64x2.promote_low_f32x4(values)));
  const high = i8x16.shuffle(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
  v128.store(target, f64x2.add(v128.load(target, 16), f64x2.promote_low_f32x4(high)), 16);
}

@unmanaged
class ChannelMomentsArguments extends ChannelRowArguments {
  x: usize;
  channels: i32;
  /** One block a chunk. */
  blocks: usize;
}

export function channelMoments(args: ChannelMomentsArguments, chunk: i32, worker: i32): void {
  const channels = args.channels;
  const x = args.x + <usize>args.firstRow(chunk) * (<usize>channels << 2);
  accumulateMoments(args.blocks + <usize>chunk * momentsBytes(channels), x, args.rowsOf(chunk), channels, true);
}

@unmanaged
class MomentsArguments {
  /** One block a chunk of the results. */
  blocks: usize;
  count: i32;
  channels: i32;
  /** [2, channels] */
  moments: usize;
}

/** Channels of a chunk of the call that combines; even. */
const COMBINED_CHANNELS = 64;

export function combineMoments(args: MomentsArguments, chunk: i32, worker: i32): void {
  const blocks = args.blocks;
  const count = args.count;
  const channels = args.channels;
  const moments = args.moments;
  const padded = <usize>((channels + 7) & -8);
  const bytes = momentsBytes(channels);
  const last = min((chunk + 1) * COMBINED_CHANNELS, channels);
  // Two channels at a time, since divisions take most of the time.
  for (let c = chunk * COMBINED_CHANNELS; c < last; c += 2) {
    let n = f64x2.splat(0);
    let mean = f64x2.splat(0);
    let m2 = f64x2.splat(0);
    for (let b = 0; b < count; b++) {
      const block = blocks + <usize>b * bytes;
      const m = v128.load64_splat(block);
      const sum = v128.load(block + 8 + (c << 3));
      const square = v128.load(block + 8 + (padded << 3) + (c << 3));
      const pivot = f64x2.promote_low_f32x4(v128.load64_zero(block + 8 + (padded << 4) + (c << 2)));
      const both = f64x2.add(n, m);
      const difference = f64x2.sub(f64x2.add(pivot, f64x2.div(sum, m)), mean);
      mean = f64x2.add(mean, f64x2.div(f64x2.mul(difference, m), both));
      const within = f64x2.sub(square, f64x2.div(f64x2.mul(sum, sum), m));
      const between = f64x2.div(f64x2.mul(f64x2.mul(f64x2.mul(difference, difference), n), m), both);
      m2 = f64x2.add(m2, f64x2.add(within, between));
      n = both;
    }
    storePart(moments + (c << 2), f32x4.demote_f64x2_zero(mean), min(2, last - c));
    storePart(moments + ((channels + c) << 2), f32x4.demote_f64x2_zero(f64x2.div(m2, n)), min(2, last - c));
  }
}
