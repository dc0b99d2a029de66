/**
 * The inner loops of a depthwise convolution: four pixels or one, all channels, summed over the taps. Loads are the
 * bottleneck, so if windows overlap a column is loaded once for all windows that contain it (35 instead of 20 GFLOP/s a
 * core).
 */

import { mad } from './mad';
import { loadPart, storePart } from './vector';

/** Four pixels of a run with arbitrary windows, × 8 channels: V8 keeps eight accumulators in registers. */
export function convolveApart(
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  w: usize,
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
  for (let c = 0; c < whole; c += 8) {
    const at = <usize>(c << 2);
    let c00 = f32x4.splat(0);
    let c01 = f32x4.splat(0);
    let c10 = f32x4.splat(0);
    let c11 = f32x4.splat(0);
    let c20 = f32x4.splat(0);
    let c21 = f32x4.splat(0);
    let c30 = f32x4.splat(0);
    let c31 = f32x4.splat(0);
    for (let row = 0; row < tapRows; row++) {
      let p0 = x + at + row * rowBytes;
      let p1 = p0 + xStep;
      let p2 = p1 + xStep;
      let p3 = p2 + xStep;
      let q = w + at + row * wRow;
      for (let column = 0; column < tapColumns; column++) {
        const b0 = v128.load(q);
        const b1 = v128.load(q, 16);
        c00 = mad(v128.load(p0), b0, c00);
        c01 = mad(v128.load(p0, 16), b1, c01);
        c10 = mad(v128.load(p1), b0, c10);
        c11 = mad(v128.load(p1, 16), b1, c11);
        c20 = mad(v128.load(p2), b0, c20);
        c21 = mad(v128.load(p2, 16), b1, c21);
        c30 = mad(v128.load(p3), b0, c30);
        c31 = mad(v128.load(p3, 16), b1, c31);
        q += wColumn;
        p0 += tapBytes;
        p1 += tapBytes;
        p2 += tapBytes;
        p3 += tapBytes;
      }
    }
    let to = y + at;
    put(to, c00, c01, addendDistance, adds);
    to += yStep;
    put(to, c10, c11, addendDistance, adds);
    to += yStep;
    put(to, c20, c21, addendDistance, adds);
    to += yStep;
    put(to, c30, c31, addendDistance, adds);
  }
}

/**
 * Four consecutive pixels with three columns of taps, as in most layers, whose windows are one (stride 1) or two taps
 * apart: a shared column is loaded once. Stores all but the first `skipped` pixels, two at most. The order of summation
 * is that of the general case.
 */
@inline
export function convolveOverlapping(
  stride: i32,
  skipped: i32,
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  w: usize,
  yStep: i32,
  tapRows: i32,
  rowBytes: i32,
  tapBytes: i32,
  wRow: i32,
  wColumn: i32,
  channels: i32,
): void {
  const end = <usize>(channels & -8) << 2;
  for (let at: usize = 0; at < end; at += 16) {
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let c2 = f32x4.splat(0);
    let c3 = f32x4.splat(0);
    let p = x + at;
    let q = w + at;
    for (let row = 0; row < tapRows; row++, p += rowBytes, q += wRow) {
      const b0 = v128.load(q);
      const b1 = v128.load(q + wColumn);
      const b2 = v128.load(q + (wColumn << 1));
      if (stride == 1) {
        let a = v128.load(p);
        c0 = mad(a, b0, c0);
        let from = p + tapBytes;
        a = v128.load(from);
        c0 = mad(a, b1, c0);
        c1 = mad(a, b0, c1);
        from += tapBytes;
        a = v128.load(from);
        c0 = mad(a, b2, c0);
        c1 = mad(a, b1, c1);
        c2 = mad(a, b0, c2);
        from += tapBytes;
        a = v128.load(from);
        c1 = mad(a, b2, c1);
        c2 = mad(a, b1, c2);
        c3 = mad(a, b0, c3);
        from += tapBytes;
        a = v128.load(from);
        c2 = mad(a, b2, c2);
        c3 = mad(a, b1, c3);
        from += tapBytes;
        a = v128.load(from);
        c3 = mad(a, b2, c3);
      } else {
        let a = v128.load(p);
        c0 = mad(a, b0, c0);
        let from = p + tapBytes;
        a = v128.load(from);
        c0 = mad(a, b1, c0);
        from += tapBytes;
        a = v128.load(from);
        c0 = mad(a, b2, c0);
        c1 = mad(a, b0, c1);
        from += tapBytes;
        a = v128.load(from);
        c1 = mad(a, b1, c1);
        from += tapBytes;
        a = v128.load(from);
        c1 = mad(a, b2, c1);
        c2 = mad(a, b0, c2);
        from += tapBytes;
        a = v128.load(from);
        c2 = mad(a, b1, c2);
        from += tapBytes;
        a = v128.load(from);
        c2 = mad(a, b2, c2);
        c3 = mad(a, b0, c3);
        from += tapBytes;
        a = v128.load(from);
        c3 = mad(a, b1, c3);
        from += tapBytes;
        a = v128.load(from);
        c3 = mad(a, b2, c3);
      }
    }
    let to = y + at;
    if (adds) {
      const from = to + addendDistance;
      c0 = f32x4.add(c0, v128.load(from));
      c1 = f32x4.add(c1, v128.load(from + yStep));
      c2 = f32x4.add(c2, v128.load(from + (yStep << 1)));
      c3 = f32x4.add(c3, v128.load(from + 3 * yStep));
    }
    if (skipped < 1) v128.store(to, c0);
    to += yStep;
    if (skipped < 2) v128.store(to, c1);
    to += yStep;
    v128.store(to, c2);
    v128.store(to + yStep, c3);
  }
}

/** One pixel. */
export function convolveOne(
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  w: usize,
  tapRows: i32,
  tapColumns: i32,
  rowBytes: i32,
  tapBytes: i32,
  wRow: i32,
  wColumn: i32,
  channels: i32,
): void {
  const whole = channels & -8;
  for (let c = 0; c < whole; c += 8) {
    const at = <usize>(c << 2);
    let low = f32x4.splat(0);
    let high = f32x4.splat(0);
    for (let row = 0; row < tapRows; row++) {
      let p = x + at + row * rowBytes;
      let q = w + at + row * wRow;
      for (let column = 0; column < tapColumns; column++, p += tapBytes, q += wColumn) {
        low = mad(v128.load(p), v128.load(q), low);
        high = mad(v128.load(p, 16), v128.load(q, 16), high);
      }
    }
    put(y + at, low, high, addendDistance, adds);
  }
}

@inline
function put(to: usize, low: v128, high: v128, addendDistance: usize, adds: bool): void {
  if (adds) {
    low = f32x4.add(low, v128.load(to + addendDistance));
    high = f32x4.add(high, v128.load(to + addendDistance, 16));
  }
  v128.store(to, low);
  v128.store(to, high, 16);
}

/** One pixel's channels from `first`, fewer than eight. */
export function fewChannels(
  x: usize,
  y: usize,
  addendDistance: usize,
  adds: bool,
  w: usize,
  first: i32,
  tapRows: i32,
  tapColumns: i32,
  rowBytes: i32,
  tapBytes: i32,
  wRow: i32,
  wColumn: i32,
  channels: i32,
): void {
  for (let c = first; c < channels; c += 4) {
    const at = <usize>(c << 2);
    const lanes = channels - c;
    let sum = f32x4.splat(0);
    for (let row = 0; row < tapRows; row++) {
      let p = x + at + row * rowBytes;
      let q = w + at + row * wRow;
      for (let column = 0; column < tapColumns; column++, p += tapBytes, q += wColumn) {
        sum = mad(loadPart(p, lanes), loadPart(q, lanes), sum);
      }
    }
    if (adds) sum = f32x4.add(sum, loadPart(y + at + addendDistance, lanes));
    storePart(y + at, sum, lanes);
  }
}
