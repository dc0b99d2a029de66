/**
 * Memory of a network in kB (1 kB = 1024 bytes): S = sum of bits * count / 8192 over the weights, and the sum or the
 * maximum of the same over the activations of one image. What is not quantized counts 32 bits.
 */
import { floatBits, inferredBits } from './inferredBitwidth.js';
import type { Quantizer } from './quantizer.js';

/** Bits in a kB. */
export const bitsPerKbyte = 8192;

/** Element counts of what has no quantizer: all weights together, activations tensor by tensor (per image). */
export interface Unquantized {
  readonly weights: number;
  readonly activations: readonly number[];
}

/** Sizes of a network with its present quantizers. */
export interface TableSizes {
  readonly weightKbytes: number;
  readonly activationMaxKbytes: number;
  readonly activationSumKbytes: number;
  /** Bits of every quantizer, by row. */
  readonly bits: number[];
  /** Row of the largest activation, the first of equal ones; -1 if that is not quantized. */
  readonly largestActivationRow: number;
}

/** Sizes of a network; `table` holds (p0, p1) of row i at 2i and 2i + 1. */
export function tableSizes(rows: readonly Quantizer[], table: ArrayLike<number>, unquantized: Unquantized): TableSizes {
  const bits = rows.map((q, row) => inferredBits(q, table[2 * row]!, table[2 * row + 1]!));
  let weightBits = unquantized.weights * floatBits;
  let activationBits = 0;
  let largestBits = 0;
  let largestActivationRow = -1;
  rows.forEach((q, row) => {
    const size = bits[row]! * q.count;
    if (q.role !== 'activation') {
      weightBits += size;
      return;
    }
    activationBits += size;
    if (size > largestBits) {
      largestBits = size;
      largestActivationRow = row;
    }
  });
  for (const count of unquantized.activations) {
    const size = count * floatBits;
    activationBits += size;
    if (size > largestBits) {
      largestBits = size;
      largestActivationRow = -1;
    }
  }
  return {
    weightKbytes: weightBits / bitsPerKbyte,
    activationMaxKbytes: largestBits / bitsPerKbyte,
    activationSumKbytes: activationBits / bitsPerKbyte,
    bits,
    largestActivationRow,
  };
}
