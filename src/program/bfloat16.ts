/**
 * Numbers rounded to bfloat16 (a sign, 8 bits of exponent as in float32, 7 of fraction), two in a word of 32 bits, the
 * first in its lower half. `engine/gpu/roundedCopies.ts` has the same rounding for GPUs, `ranks/kernels/` for long means.
 */

import type { HostVector } from '../engine/engine.js';
import type { FloatVector } from './treeSum.js';

/** Words of so many numbers. */
export function wordCount(numbers: number): number {
  return Math.ceil(numbers / 2);
}

/**
 * Rounds numbers to the nearest bfloat16, of two equally near ones to the even one. Numbers from 3.396e38 on become
 * infinite, every NaN becomes 0x7fc0, and of an odd number of numbers the last has a zero beside it.
 *
 * @param words gets them; a new array by default
 */
export function rounded(
  numbers: FloatVector,
  words: Int32Array = new Int32Array(wordCount(numbers.length)),
): Int32Array {
  const floats = numbers instanceof Float32Array ? numbers : Float32Array.from(numbers);
  const { length } = floats;
  const bits = new Int32Array(floats.buffer, floats.byteOffset, length);
  const pairs = length >> 1;
  for (let i = 0; i < pairs; i++) words[i] = roundedBits(bits[2 * i]!) | (roundedBits(bits[2 * i + 1]!) << 16);
  if (pairs < words.length) words[pairs] = roundedBits(bits[length - 1]!);
  return words;
}

/** The upper half of a float32's bits, rounded: a carry of the fraction into the exponent gives the next number. */
function roundedBits(bits: number): number {
  return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/**
 * The numbers in words, two of each.
 *
 * @param numbers gets them; a new array by default
 */
export function widened(words: Int32Array, numbers: Float32Array = new Float32Array(2 * words.length)): Float32Array {
  const bits = new Int32Array(numbers.buffer, numbers.byteOffset, numbers.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    bits[2 * i] = word << 16;
    bits[2 * i + 1] = word & -0x10000;
  }
  return numbers;
}

/** A vector's floats: itself, or the numbers in words. */
export function floatsOf(vector: HostVector): FloatVector {
  return vector instanceof Int32Array ? widened(vector) : vector;
}
