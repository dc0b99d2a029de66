/**
 * Weights of 7×7 convolutions of stride 2 by F(3×3, 4×4) on pairs of rows and of columns: along an axis the first of a pair
 * meets taps 0, 2, 4 and 6, the second one taps 1, 3 and 5. Points, and all other transforms, are those of `convWinogradFour.ts`.
 * Large weight gradients go by F(5×5, 4×4), with the points of `convWinogradSix.ts`.
 */

import { A, A2, B, B2, G0, GA, GB, scaled, sumsLine, times } from './convWinogradFour';
import { sixSumsLine } from './convWinogradSix';

/** G g Gᵀ of a part's taps of four channels, which are among the 49 at `g`, to 36 places `distance` apart. */
@inline
export function transformSevenWeights(
  target: usize,
  distance: usize,
  g: usize,
  rowBytes: usize,
  columnBytes: usize,
  part: i32,
): void {
  const row = distance * 6;
  const rows = part < 2 ? 4 : 3;
  const columns = part & 1 ? 3 : 4;
  g += <usize>(4 - rows) * rowBytes + <usize>(4 - columns) * columnBytes;
  const next = rowBytes * 2;
  const zero = f32x4.splat(0);
  for (let column = 0; column < 4; column++, g += columnBytes * 2) {
    const to = target + <usize>column * distance;
    if (column == columns) weightLine(to, row, zero, zero, zero, zero);
    else {
      const last = rows == 4 ? v128.load(g + next * 3) : zero;
      weightLine(to, row, v128.load(g), v128.load(g + next), v128.load(g + next * 2), last);
    }
  }
  const end = target + row * 6;
  for (let to = target; to < end; to += row) {
    const p = to + distance * 2;
    weightLine(to, distance, v128.load(to), v128.load(to + distance), v128.load(p), v128.load(p + distance));
  }
}

@inline
function weightLine(to: usize, step: usize, g0: v128, g1: v128, g2: v128, g3: v128): void {
  v128.store(to, scaled(G0, g0));
  to += step;
  let even = scaled(GA, times(A2, g2, g0));
  let odd = scaled(GA * A, times(A2, g3, g1));
  v128.store(to, f32x4.add(even, odd));
  to += step;
  v128.store(to, f32x4.sub(even, odd));
  to += step;
  even = scaled(GB, times(B2, g2, g0));
  odd = scaled(GB * B, times(B2, g3, g1));
  v128.store(to, f32x4.add(even, odd));
  to += step;
  v128.store(to, f32x4.sub(even, odd));
  v128.store(to + step, g3);
}

/**
 * Gᵀ s G of the sums in 36 places, or 64 where `edge` is 5, to a part's taps, of which the first two rows are the intermediate
 * results' place.
 */
@inline
export function transformSevenSums(
  edge: i32,
  dw: usize,
  tapBytes: usize,
  sums: usize,
  distance: usize,
  part: i32,
): void {
  const row = distance * (edge == 5 ? 8 : 6);
  const rows = part < 2 ? 4 : 3;
  const columns = part & 1 ? 3 : 4;
  const end = sums + row;
  for (let p = sums; p < end; p += distance) fourTaps(edge, p, row, p, row);
  dw += (<usize>(4 - rows) * 7 + <usize>(4 - columns)) * tapBytes;
  for (let tapRow = 0; tapRow < rows; tapRow++, sums += row, dw += tapBytes * 14) {
    fourTaps(edge, sums, distance, sums, distance);
    for (let column: usize = 0; column < <usize>columns; column++) {
      v128.store(dw + column * 2 * tapBytes, v128.load(sums + column * distance));
    }
  }
}

@inline
function fourTaps(edge: i32, to: usize, toStep: usize, from: usize, step: usize): void {
  if (edge == 5) sixSumsLine(to, toStep, from, step, 4);
  else sumsLine(to, toStep, from, step, 0, 4);
}
