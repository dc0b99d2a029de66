/** Rounding to bfloat16 against its definition in float64. */

import { expect, it } from 'vitest';
import { rounded, widened } from './bfloat16.js';

/** The nearest multiple of the distance of bfloat16's numbers near x, of two the even one. */
function nearest(x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(x))));
  const unit = 2 ** (exponent - 7);
  const below = Math.floor(x / unit);
  const rest = x / unit - below;
  const multiple = rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
  // Where the next number would need a larger exponent than there is.
  return Math.abs(multiple * unit) < 2 ** 128 ? multiple * unit || (x < 0 ? -0 : 0) : x * Number.POSITIVE_INFINITY;
}

const bitsOf = ({ buffer, byteOffset, length }: Float32Array | Int32Array) =>
  new Uint32Array(buffer, byteOffset, length);

it('is to the nearest number, of two equally near ones to the even one, for numbers of every exponent', () => {
  const tails = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff];
  // 67 and 128 have no common divisor: all fractions and all exponents occur.
  const heads = Array.from({ length: 1000 }, (_, i) => (67 * i) % 0x10000).filter((head) => (head & 0x7f80) < 0x7f80);
  const bits = Uint32Array.from(heads.flatMap((head) => tails.map((tail) => head * 0x10000 + tail)));
  const numbers = new Float32Array(bits.buffer);
  expect(widened(rounded(numbers))).toEqual(Float32Array.from(numbers, nearest));
});

it('keeps infinities and signs of zeros, and has one NaN', () => {
  const bits = Uint32Array.of(0x7f800000, 0xff800000, 0, 0x80000000, 0x7f800001, 0xffffffff, 0x7f7f8000, 0xff7f7fff);
  const words = rounded(new Float32Array(bits.buffer));
  expect([...bitsOf(words)]).toEqual([0xff807f80, 0x80000000, 0x7fc07fc0, 0xff7f7f80]);
});

it('puts a zero beside the last of an odd number of numbers, and takes float64 as float32', () => {
  // In float64 it is above the middle between two numbers, in float32 it is the middle.
  const numbers = Float64Array.of(1, -2, 1 + 2 ** -8 + 2 ** -40);
  expect([...widened(rounded(numbers))]).toEqual([1, -2, 1, 0]);
});
