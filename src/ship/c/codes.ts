/** Codes of integers in C. */

import { packIntegers, codeOf as streamCode } from '../bitStream.js';
import { codeBits, type Grid } from '../integerNetwork.js';

/** The coding of a grid. */
export interface Coding {
  readonly bits: number;
  readonly powers: boolean;
  /** The code of 0 in a uniform grid, whose codes count from its least integer; for powers the sign bit, or 0. */
  readonly zero: number;
}

/** The coding of a grid in `bits` bits. */
export function codingOf(grid: Grid, bits: number): Coding {
  if (grid.type === 'uniform') return { bits, powers: false, zero: -grid.lo };
  // Right above the exponents, so that a code has eight bits at most, however many it is stored in.
  return { bits, powers: true, zero: grid.signed ? 2 ** (codeBits(grid) - 1) : 0 };
}

/** The integers of a grid as a stream of codes. */
export function packCodes(values: Int32Array, grid: Grid, bits: number): Uint8Array {
  const needed = codeBits(grid);
  const codes = values.map((value) => (grid.type === 'uniform' ? value - grid.lo : streamCode(value, grid, needed)));
  return packIntegers(codes, { type: 'uniform', lo: 0, hi: 2 ** bits - 1 }, bits);
}

/** The code of one integer. */
export function codeOf(value: number, grid: Grid, bits: number): number {
  return packCodes(Int32Array.of(value), grid, bits)[0]!;
}
