/**
 * Codes of 1 to 16 bits in a stream of bytes: the first code in the lowest bits of the first byte, no gaps between
 * codes, the last byte padded with zeros.
 */

import { bitLength, type Grid } from './integerNetwork.js';

/** Bytes of so many codes. */
export function streamBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** The integers of a grid as a stream of codes of `bits` bits, at least as many as the grid needs. */
export function packIntegers(values: ArrayLike<number>, grid: Grid, bits: number): Uint8Array {
  const bytes = new Uint8Array(streamBytes(values.length, bits));
  for (let index = 0; index < values.length; index++) {
    const code = codeOf(values[index]!, grid, bits);
    for (let bit = 0; bit < bits; bit++) {
      const at = index * bits + bit;
      if ((code >> bit) & 1) bytes[at >> 3]! |= 1 << (at & 7);
    }
  }
  return bytes;
}

/** `count` integers of a grid from a stream. */
export function unpackIntegers(bytes: Uint8Array, count: number, grid: Grid, bits: number): Int32Array {
  return Int32Array.from({ length: count }, (_, index) => {
    let code = 0;
    for (let bit = 0; bit < bits; bit++) {
      const at = index * bits + bit;
      code |= ((bytes[at >> 3]! >> (at & 7)) & 1) << bit;
    }
    return integerOf(code, grid, bits);
  });
}

/**
 * The code of an integer, unsigned, below 2^bits: its two's complement in a uniform grid; 0 for 0 and k + 1 for 2^k in
 * a grid of unsigned powers; k with a leading sign bit in one of signed powers.
 */
export function codeOf(value: number, grid: Grid, bits: number): number {
  if (grid.type === 'uniform') return value & (2 ** bits - 1);
  const exponent = bitLength(Math.abs(value)) - 1;
  if (!grid.signed) return value === 0 ? 0 : exponent + 1;
  return exponent | (value < 0 ? 1 << (bits - 1) : 0);
}

/** The integer of a code. */
function integerOf(code: number, grid: Grid, bits: number): number {
  if (grid.type === 'uniform') return grid.lo < 0 && code >> (bits - 1) ? code - 2 ** bits : code;
  if (!grid.signed) return code === 0 ? 0 : 2 ** (code - 1);
  const magnitude = 2 ** (code & (2 ** (bits - 1) - 1));
  return code >> (bits - 1) ? -magnitude : magnitude;
}
