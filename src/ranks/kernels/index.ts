/**
 * Kernels for means of rounded numbers, in AssemblyScript: words of two bfloat16 numbers become floats and again words
 * (`program/bfloat16.ts`), four words at a time. Counts of words are rounded up to multiples of four.
 */

/** The numbers of words: those of four words are two vectors, first of all lower halves, then of all upper ones. */
export function widen(words: usize, floats: usize, count: i32): void {
  const end = words + ((count as usize) << 2);
  for (; words < end; words += 16, floats += 32) {
    const four = v128.load(words);
    v128.store(floats, i32x4.shl(four, 16));
    v128.store(floats, v128.and(four, i32x4.splat(0xffff0000)), 16);
  }
}

/** Adds the floats of `count` words to those of others. */
export function add(into: usize, floats: usize, count: i32): void {
  const end = floats + ((((count + 3) >> 2) as usize) << 5);
  for (; floats < end; floats += 16, into += 16) {
    v128.store(into, f32x4.add(v128.load(into), v128.load(floats)));
  }
}

/** Multiplies the floats of `count` words by a factor, and rounds them to these words. */
export function round(floats: usize, words: usize, count: i32, factor: f32): void {
  const end = words + ((count as usize) << 2);
  const factors = f32x4.splat(factor);
  for (; words < end; words += 16, floats += 32) {
    const lower = rounded(f32x4.mul(v128.load(floats), factors));
    const upper = rounded(f32x4.mul(v128.load(floats, 16), factors));
    v128.store(words, v128.or(i32x4.shr_u(lower, 16), v128.and(upper, i32x4.splat(0xffff0000))));
  }
}

/** Bits of floats whose upper halves are rounded; every NaN is the same. */
// @ts-ignore: decorator
@inline
function rounded(floats: v128): v128 {
  const odd = v128.and(i32x4.shr_u(floats, 16), i32x4.splat(1));
  const bits = i32x4.add(floats, i32x4.add(odd, i32x4.splat(0x7fff)));
  return v128.bitselect(i32x4.splat(0x7fc00000), bits, f32x4.ne(floats, floats));
}
