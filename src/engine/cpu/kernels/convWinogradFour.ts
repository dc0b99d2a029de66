/**
 * Transforms of Winograd's F(4×4, 3×3): four by four results of a 3×3 convolution from six by six inputs with 36
 * products instead of 144. Of the interpolation points ±a, ±b, 0 and ∞, those with a = 5/8 and b = 3/2 give a third of the
 * error of the usual ±1, ±2, and their squares are exact in float32; still errors are about three times those of
 * F(2×2, 3×3), and products of integers are not exact.
 *
 * F(3×3, 4×4) has the same points: its inputs are transformed in the same way, its results and their gradients as far as there
 * are three rows, of which the last is the one that needs the point ∞.
 *
 * In two dimensions a transform goes through columns, then through rows, in place.
 */

import { hasMoreColumns, hasMoreRows } from './convWinogradParts';
import { mad } from './mad';
import { gather, storeSum } from './vector';

export const A: f32 = 0.625;
export const B: f32 = 1.5;
export const A2: f32 = A * A;
export const B2: f32 = B * B;
/** Factors of G: 1 / ∏ (point − other point), for 0, ±a and ±b. */
export const G0: f32 = 1 / (A2 * B2);
export const GA: f32 = 1 / (2 * A2 * (A2 - B2));
export const GB: f32 = 1 / (2 * B2 * (B2 - A2));

/** Bytes of a column in a stage: its six numbers of four channels, between the two directions of a transform. */
export const FOUR_COLUMN_BYTES: usize = 96;

/** Bᵀ d of `columns` columns of six pixels at `x`, four channels each, to a stage. */
@inline
export function transformFourColumns(stage: usize, x: usize, rowBytes: usize, pixelBytes: usize, columns: i32): void {
  const end = stage + <usize>columns * FOUR_COLUMN_BYTES;
  for (; stage < end; stage += FOUR_COLUMN_BYTES, x += pixelBytes) inputLine(true, stage, 0, x, rowBytes);
}

/**
 * The product of six columns in a stage with B, to 36 places `distance` apart. Rows of places below `first`, which is 0 or 1, are
 * not wanted.
 */
@inline
export function transformFourRows(target: usize, distance: usize, stage: usize, first: i32): void {
  const row = distance * 6;
  const end = stage + FOUR_COLUMN_BYTES;
  target += first * row;
  for (stage += first << 4; stage < end; stage += 16, target += row) inputLine(false, target, distance, stage, 0);
}

/** Bᵀ of six vectors `step` apart to a column of a stage, or of those in a row of a stage to places `toStep` apart. */
@inline
function inputLine(toStage: bool, to: usize, toStep: usize, from: usize, step: usize): void {
  const d0 = v128.load(from);
  from += step;
  const d1 = toStage ? v128.load(from) : v128.load(from, FOUR_COLUMN_BYTES);
  from += step;
  const d2 = toStage ? v128.load(from) : v128.load(from, 2 * FOUR_COLUMN_BYTES);
  from += step;
  const d3 = toStage ? v128.load(from) : v128.load(from, 3 * FOUR_COLUMN_BYTES);
  from += step;
  const d4 = toStage ? v128.load(from) : v128.load(from, 4 * FOUR_COLUMN_BYTES);
  from += step;
  const d5 = toStage ? v128.load(from) : v128.load(from, 5 * FOUR_COLUMN_BYTES);
  let even = times(-B2, d2, d4);
  let odd = times(-B2, d1, d3);
  const plusA = times(A, odd, even);
  const minusA = times(-A, odd, even);
  even = times(-A2, d2, d4);
  odd = times(-A2, d1, d3);
  storeSix(
    toStage,
    to,
    toStep,
    times(A2 * B2, d0, times(-A2 - B2, d2, d4)),
    plusA,
    minusA,
    times(B, odd, even),
    times(-B, odd, even),
    times(A2 * B2, d1, times(-A2 - B2, d3, d5)),
  );
}

/** Stores six vectors in a column of a stage, or `step` apart. */
@inline
function storeSix(
  toStage: bool,
  to: usize,
  step: usize,
  v0: v128,
  v1: v128,
  v2: v128,
  v3: v128,
  v4: v128,
  v5: v128,
): void {
  if (toStage) {
    v128.store(to, v0);
    v128.store(to, v1, 16);
    v128.store(to, v2, 32);
    v128.store(to, v3, 48);
    v128.store(to, v4, 64);
    v128.store(to, v5, 80);
    return;
  }
  v128.store(to, v0);
  to += step;
  v128.store(to, v1);
  to += step;
  v128.store(to, v2);
  to += step;
  v128.store(to, v3);
  to += step;
  v128.store(to, v4);
  v128.store(to + step, v5);
}

/**
 * Aᵀ m A of 36 places at `products` to the `rows` × `columns` pixels at `y` that are inside the result, plus the addend. Of
 * a part, products in the first row and column of places are zeros, and in the last ones unless it has two taps there.
 */
@inline
export function transformFourResult(
  edge: i32,
  y: usize,
  rowBytes: usize,
  pixelBytes: usize,
  rows: i32,
  columns: i32,
  addendDistance: usize,
  adds: bool,
  products: usize,
  distance: usize,
  isPart: bool,
  hasLastRow: bool,
  hasLastColumn: bool,
): void {
  const row = distance * 6;
  const end = products + row;
  for (let p = products; p < end; p += distance) resultLine(edge, p, row, 4, 0, false, p, row, !isPart, hasLastRow);
  for (let index = 0; index < rows; index++, products += row, y += rowBytes) {
    resultLine(edge, y, pixelBytes, columns, addendDistance, adds, products, distance, !isPart, hasLastColumn);
  }
}

@inline
function resultLine(
  edge: i32,
  to: usize,
  toStep: usize,
  count: i32,
  addendDistance: usize,
  adds: bool,
  from: usize,
  step: usize,
  hasFirst: bool,
  hasLast: bool,
): void {
  const m0 = hasFirst ? v128.load(from) : f32x4.splat(0);
  from += step;
  let p = v128.load(from);
  from += step;
  let q = v128.load(from);
  const evenA = f32x4.add(p, q);
  const oddA = f32x4.sub(p, q);
  from += step;
  p = v128.load(from);
  from += step;
  q = v128.load(from);
  const evenB = f32x4.add(p, q);
  const oddB = f32x4.sub(p, q);
  const m5 = hasLast ? v128.load(from + step) : f32x4.splat(0);
  storeSum(to, f32x4.add(m0, f32x4.add(evenA, evenB)), addendDistance, adds);
  if (count < 2) return;
  to += toStep;
  storeSum(to, times(A, oddA, scaled(B, oddB)), addendDistance, adds);
  if (count < 3) return;
  to += toStep;
  const third = times(A2, evenA, scaled(B2, evenB));
  storeSum(to, edge == 3 ? f32x4.add(third, m5) : third, addendDistance, adds);
  if (count < 4 || edge == 3) return;
  storeSum(to + toStep, times(A2 * A, oddA, times(B2 * B, oddB, m5)), addendDistance, adds);
}

/** A dy Aᵀ of `rows` × `columns` pixels of four channels, zeros further on, to 36 places `distance` apart. */
@inline
export function transformFourGradient(
  edge: i32,
  target: usize,
  distance: usize,
  dy: usize,
  rowBytes: usize,
  pixelBytes: usize,
  rows: i32,
  columns: i32,
): void {
  const row = distance * 6;
  let to = target;
  for (let column = 0; column < edge; column++, dy += pixelBytes, to += distance) {
    gradientLine(edge, to, row, dy, rowBytes, column < columns ? rows : 0);
  }
  const end = target + row * 6;
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
  const y3 = count > 3 ? v128.load(from + step) : zero;
  v128.store(to, y0);
  to += toStep;
  let even = times(A2, y2, y0);
  let odd = times(A2, y3, y1);
  v128.store(to, times(A, odd, even));
  to += toStep;
  v128.store(to, times(-A, odd, even));
  to += toStep;
  even = times(B2, y2, y0);
  odd = times(B2, y3, y1);
  v128.store(to, times(B, odd, even));
  to += toStep;
  v128.store(to, times(-B, odd, even));
  v128.store(to + toStep, edge == 3 ? y2 : y3);
}

/** G g Gᵀ of the nine taps of four channels at `g` to 36 places `distance` apart. */
@inline
export function transformFourWeights(
  target: usize,
  distance: usize,
  g: usize,
  rowBytes: usize,
  columnBytes: usize,
  channelBytes: usize,
): void {
  const row = distance * 6;
  let to = target;
  for (let column = 0; column < 3; column++, g += columnBytes, to += distance) {
    weightLine(to, row, gather(g, channelBytes), gather(g + rowBytes, channelBytes), gather(g + rowBytes * 2, channelBytes));
  }
  const end = target + row * 6;
  for (to = target; to < end; to += row) {
    weightLine(to, distance, v128.load(to), v128.load(to + distance), v128.load(to + distance * 2));
  }
}

@inline
function weightLine(to: usize, step: usize, g0: v128, g1: v128, g2: v128): void {
  v128.store(to, scaled(G0, g0));
  to += step;
  let even = times(GA * A2, g2, scaled(GA, g0));
  v128.store(to, times(GA * A, g1, even));
  to += step;
  v128.store(to, times(-GA * A, g1, even));
  to += step;
  even = times(GB * B2, g2, scaled(GB, g0));
  v128.store(to, times(GB * B, g1, even));
  to += step;
  v128.store(to, times(-GB * B, g1, even));
  v128.store(to + step, g2);
}

/** G g Gᵀ of a part's taps, which are among the nine, to the places in which it needs products. */
@inline
export function transformPartWeights(
  target: usize,
  distance: usize,
  g: usize,
  rowBytes: usize,
  columnBytes: usize,
  channelBytes: usize,
  part: i32,
): void {
  const row = distance * 6;
  const twoRows = hasMoreRows(part);
  const twoColumns = hasMoreColumns(part);
  if (!twoRows) g += rowBytes;
  if (!twoColumns) g += columnBytes;
  const first = target + row + distance;
  const columnsEnd = first + (twoColumns ? distance * 2 : distance);
  for (let to = first; to < columnsEnd; to += distance, g += columnBytes * 2) {
    const g1 = gather(g, channelBytes);
    partWeightLine(to, row, g1, twoRows ? gather(g + rowBytes * 2, channelBytes) : g1, twoRows);
  }
  const end = target + row * (twoRows ? 6 : 5);
  for (let to = first; to < end; to += row) {
    partWeightLine(to, distance, v128.load(to), v128.load(to + distance), twoColumns);
  }
}

/** G of (0, g₁, g₂), or of (0, g₁, 0), without the places of 0. */
@inline
function partWeightLine(to: usize, step: usize, g1: v128, g2: v128, isTwo: bool): void {
  if (!isTwo) g2 = f32x4.splat(0);
  let even = scaled(GA * A2, g2);
  v128.store(to, times(GA * A, g1, even));
  to += step;
  v128.store(to, times(-GA * A, g1, even));
  to += step;
  even = scaled(GB * B2, g2);
  v128.store(to, times(GB * B, g1, even));
  to += step;
  v128.store(to, times(-GB * B, g1, even));
  if (isTwo) v128.store(to + step, g2);
}

/** Gᵀ s G of the sums in 36 places to the nine taps. */
@inline
export function transformFourSums(dw: usize, tapBytes: usize, sums: usize, distance: usize): void {
  const row = distance * 6;
  const end = sums + row;
  for (let p = sums; p < end; p += distance) sumsLine(p, row, p, row, 0, 3);
  for (let tapRow = 0; tapRow < 3; tapRow++, sums += row, dw += tapBytes * 3) {
    sumsLine(dw, tapBytes, sums, distance, 0, 3);
  }
}

/** The same of a part, to its taps. */
@inline
export function transformPartSums(dw: usize, tapBytes: usize, sums: usize, distance: usize, part: i32): void {
  const row = distance * 6;
  const endRow = hasMoreRows(part) ? 3 : 2;
  const endColumn = hasMoreColumns(part) ? 3 : 2;
  const end = sums + distance * (endColumn + 3);
  for (let p = sums + distance; p < end; p += distance) sumsLine(p + row, row, p, row, 1, endRow);
  if (endRow == 2) dw += tapBytes * 3;
  if (endColumn == 2) dw += tapBytes;
  sumsLine(dw, tapBytes * 2, sums + row, distance, 1, endColumn);
  if (endRow == 3) sumsLine(dw + tapBytes * 6, tapBytes * 2, sums + row * 2, distance, 1, endColumn);
}

/** Gᵀ of six sums: the taps from `first`, 0 or 1, to before `end`, where 2 is for a last tap that is zero. */
@inline
export function sumsLine(to: usize, toStep: usize, from: usize, step: usize, first: i32, end: i32): void {
  const zero = f32x4.splat(0);
  const u0 = first == 0 ? v128.load(from) : zero;
  from += step;
  let p = v128.load(from);
  from += step;
  let q = v128.load(from);
  const evenA = f32x4.add(p, q);
  const oddA = f32x4.sub(p, q);
  from += step;
  p = v128.load(from);
  from += step;
  q = v128.load(from);
  const evenB = f32x4.add(p, q);
  const oddB = f32x4.sub(p, q);
  const u5 = end > 2 ? v128.load(from + step) : zero;
  if (first == 0) {
    v128.store(to, times(G0, u0, times(GA, evenA, scaled(GB, evenB))));
    to += toStep;
  }
  v128.store(to, times(GA * A, oddA, scaled(GB * B, oddB)));
  if (end == 2) return;
  to += toStep;
  v128.store(to, times(GA * A2, evenA, times(GB * B2, evenB, end == 3 ? u5 : zero)));
  if (end == 4) v128.store(to + toStep, times(GA * A2 * A, oddA, times(GB * B2 * B, oddB, u5)));
}

@inline
export function times(factor: f32, a: v128, b: v128): v128 {
  return mad(f32x4.splat(factor), a, b);
}

@inline
export function scaled(factor: f32, a: v128): v128 {
  return f32x4.mul(f32x4.splat(factor), a);
}
