/**
 * Gradients of 3×3 convolutions of stride 2 by F(4×4, 3×3). Such a convolution is one of stride 1 on pairs of rows and of
 * columns, whose four pixels are parts of one with four times the channels. Along an axis one of a pair meets taps 0 and 2,
 * as the kernel (0, g₀, g₂), the other one only tap 1, as (0, g₁, 0). A kernel that begins with 0 is 0 at the point 0, one
 * that ends with 0 at the point ∞: of the six places the first needs no products, the last none where a part has one tap.
 * These are (5 + 4)² products for 16 results instead of 144.
 *
 * The parts that need products in a place follow one another: (1, 2) taps of rows and columns, (2, 2), (2, 1), (1, 1).
 *
 * 7×7 taps are 4 and 3 of each pair, in `convWinogradSeven.ts`. There `edge` is odd, and parts are in the order of their
 * pixels.
 */

/** Tells which parts have the first row of a pair in a convolution's source, which meets a tap more than the second. */
@inline
export function hasMoreRows(part: i32): bool {
  return part == 1 || part == 2;
}

@inline
export function hasMoreColumns(part: i32): bool {
  return part < 2;
}

/** The part of a source's pixel, which is in row `row` and column `column` of its pair. */
@inline
export function partAt(edge: i32, row: i32, column: i32): i32 {
  if (edge & 1) return row * 2 + column;
  return row == 0 ? 1 + column : column * 3;
}
