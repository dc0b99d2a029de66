/**
 * Transforms of Winograd's F(6×6, 3×3) for weight gradients: six by six results of a 3×3 convolution from eight by eight
 * inputs with 64 products instead of 324. With the points 0, ±½, ±1, ±2 and ∞ errors are two to three times those of
 * F(4×4, 3×3). As in `convWinogradFour.ts` a transform goes through columns, then through rows.
 *
 * F(5×5, 4×4) has the same points: its inputs are transformed in the same way, its gradients as far as there are five rows, and of
 * its four taps the last is the one that needs the point ∞.
 */

import { scaled, times } from './convWinogradFour';

/** Bytes of a column in a stage: its eight numbers of four channels. */
export const SIX_COLUMN_BYTES: usize = 128;

/** Sums of two of the points' squares, and products of them: the coefficients of polynomials that are zero at these points. */
const ALL: f32 = 5.25;
const WITHOUT_HALF: f32 = 5;
const WITHOUT_ONE: f32 = 4.25;
const WITHOUT_TWO: f32 = 1.25;
/** Factors of G: 1 / ∏ (point − other point), for ±½, ±1 and ±2. */
const G_HALF: f32 = 32.0 / 45;
const G_ONE: f32 = -2.0 / 9;
const G_TWO: f32 = 1.0 / 90;

/** Bᵀ d of `columns` columns of eight pixels at `x`, four channels each, to a stage. */
@inline
export function transformSixColumns(stage: usize, x: usize, rowBytes: usize, pixelBytes: usize, columns: i32): void {
  const end = stage + <usize>columns * SIX_COLUMN_BYTES;
  for (; stage < end; stage += SIX_COLUMN_BYTES, x += pixelBytes) inputLine(stage, 16, x, rowBytes);
}

/** The product of eight columns in a stage with B, to 64 places `distance` apart. */
@inline
export function transformSixRows(target: usize, distance: usize, stage: usize): void {
  const end = stage + SIX_COLUMN_BYTES;
  for (; stage < end; stage += 16, target += distance << 3) inputLine(target, distance, stage, SIX_COLUMN_BYTES);
}

@inline
function inputLine(to: usize, toStep: usize, from: usize, step: usize): void {
  const d0 = v128.load(from);
  from += step;
  const d1 = v128.load(from);
  from += step;
  const d2 = v128.load(from);
  from += step;
  const d3 = v128.load(from);
  from += step;
  const d4 = v128.load(from);
  from += step;
  const d5 = v128.load(from);
  from += step;
  const d6 = v128.load(from);
  const d7 = v128.load(from + step);
  v128.store(to, times(ALL, f32x4.sub(d4, d2), f32x4.sub(d0, d6)));
  to += toStep;
  let even = times(4, d2, times(-WITHOUT_HALF, d4, d6));
  let odd = times(4, d1, times(-WITHOUT_HALF, d3, d5));
  v128.store(to, times(0.5, odd, even));
  to += toStep;
  v128.store(to, times(-0.5, odd, even));
  to += toStep;
  even = f32x4.add(d2, times(-WITHOUT_ONE, d4, d6));
  odd = f32x4.add(d1, times(-WITHOUT_ONE, d3, d5));
  v128.store(to, f32x4.add(even, odd));
  to += toStep;
  v128.store(to, f32x4.sub(even, odd));
  to += toStep;
  even = times(0.25, d2, times(-WITHOUT_TWO, d4, d6));
  odd = times(0.25, d1, times(-WITHOUT_TWO, d3, d5));
  v128.store(to, times(2, odd, even));
  to += toStep;
  v128.store(to, times(-2, odd, even));
  v128.store(to + toStep, times(ALL, f32x4.sub(d3, d5), f32x4.sub(d7, d1)));
}

/**
 * A dy Aᵀ of `rows` × `columns` pixels of four channels, zeros further on up to `edge`, 5 or 6, to 64 places `distance` apart.
 */
@inline
export function transformSixGradient(
  edge: i32,
  target: usize,
  distance: usize,
  dy: usize,
  rowBytes: usize,
  pixelBytes: usize,
  rows: i32,
  columns: i32,
): void {
  const row = distance << 3;
  let to = target;
  for (let column = 0; column < edge; column++, dy += pixelBytes, to += distance) {
    gradientLine(edge, to, row, dy, rowBytes, column < columns ? rows : 0);
  }
  const end = target + (row << 3);
  for (to = target; to < end; to += row) gradientLine(edge, to, distance, to, distance, edge);
}

@inline
function gradientLine(edge: i32, to: usize, toStep: usize, from: usize, step: usize, count: i32): void {
  const zero = f32x4.splat(0);
  const y0 = count > 0 ? v128.load(from) : zero;
  from += step;
  const y1 = count > 1 ? v128.load(from) : zero;
  from += step;
  const y2 = count > 2 ? v128.load(from) : zero;
  from += step;
  const y3 = count > 3 ? v128.load(from) : zero;
  from += step;
  const y4 = count > 4 ? v128.load(from) : zero;
  const y5 = count > 5 ? v128.load(from + step) : zero;
  v128.store(to, y0);
  to += toStep;
  let even = times(0.25, y2, times(0.0625, y4, y0));
  let odd = times(0.25, y3, times(0.0625, y5, y1));
  v128.store(to, times(0.5, odd, even));
  to += toStep;
  v128.store(to, times(-0.5, odd, even));
  to += toStep;
  even = f32x4.add(y2, f32x4.add(y4, y0));
  odd = f32x4.add(y3, f32x4.add(y5, y1));
  v128.store(to, f32x4.add(even, odd));
  to += toStep;
  v128.store(to, f32x4.sub(even, odd));
  to += toStep;
  even = times(4, y2, times(16, y4, y0));
  odd = times(4, y3, times(16, y5, y1));
  v128.store(to, times(2, odd, even));
  to += toStep;
  v128.store(to, times(-2, odd, even));
  v128.store(to + toStep, edge == 5 ? y4 : y5);
}

/** Gᵀ s G of the sums in 64 places to the nine taps. */
@inline
export function transformSixSums(dw: usize, tapBytes: usize, sums: usize, distance: usize): void {
  const row = distance << 3;
  const end = sums + row;
  for (let p = sums; p < end; p += distance) sixSumsLine(p, row, p, row, 3);
  for (let tapRow = 0; tapRow < 3; tapRow++, sums += row, dw += tapBytes * 3) {
    sixSumsLine(dw, tapBytes, sums, distance, 3);
  }
}

/** Gᵀ of eight sums: three or four taps. */
@inline
export function sixSumsLine(to: usize, toStep: usize, from: usize, step: usize, taps: i32): void {
  const s0 = v128.load(from);
  from += step;
  let p = v128.load(from);
  from += step;
  let q = v128.load(from);
  const evenHalf = f32x4.add(p, q);
  const oddHalf = f32x4.sub(p, q);
  from += step;
  p = v128.load(from);
  from += step;
  q = v128.load(from);
  const evenOne = f32x4.add(p, q);
  const oddOne = f32x4.sub(p, q);
  from += step;
  p = v128.load(from);
  from += step;
  q = v128.load(from);
  const evenTwo = f32x4.add(p, q);
  const oddTwo = f32x4.sub(p, q);
  const s7 = v128.load(from + step);
  v128.store(to, times(G_HALF, evenHalf, times(G_ONE, evenOne, times(G_TWO, evenTwo, s0))));
  to += toStep;
  v128.store(to, times(G_HALF / 2, oddHalf, times(G_ONE, oddOne, scaled(G_TWO * 2, oddTwo))));
  to += toStep;
  const third = times(G_ONE, evenOne, times(G_TWO * 4, evenTwo, taps == 3 ? s7 : f32x4.splat(0)));
  v128.store(to, times(G_HALF / 4, evenHalf, third));
  if (taps == 3) return;
  v128.store(to + toStep, times(G_HALF / 8, oddHalf, times(G_ONE, oddOne, times(G_TWO * 8, oddTwo, s7))));
}
