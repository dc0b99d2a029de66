/**
 * The penalty for exceeding a memory budget: lambdaWeight * loss2 + lambdaActivation * loss3 is added to the
 * cross-entropy,
 *
 *     loss2 = max(S_w - target_w, 0)^2        loss3 = max(S_a - target_a, 0)^2
 *
 * with S_a the largest activation, the sum of all, or the peak of those in memory at once. A size depends on the
 * learned values through the inferred bits. If a size is a maximum, only the largest set of tensors gets a gradient, of
 * equal ones the first in order of creation.
 */
import { inferredBitsGradient } from './inferredBitwidth.js';
import type { Quantizer } from './quantizer.js';
import {
  type ActivationType,
  bitsPerKbyte,
  largestSet,
  memorySets,
  type TableSizes,
  tableBits,
  tableSizes,
  type Unquantized,
} from './sizes.js';

/** A memory budget; a target of 0 or less disables its terms. */
export interface Budget {
  readonly weightKbytes: number;
  readonly activationKbytes: number;
  readonly activationType: ActivationType;
  readonly lambdaWeight: number;
  readonly lambdaActivation: number;
}

/** Both penalties, without their lambdas, and the sizes they follow from. */
export interface Penalty {
  readonly loss2: number;
  readonly loss3: number;
  readonly sizes: TableSizes;
}

/** The penalties of a network. `table` holds (p0, p1) of row i at 2i and 2i + 1. */
export function penalty(
  rows: readonly Quantizer[],
  table: ArrayLike<number>,
  unquantized: Unquantized,
  budget: Budget,
): Penalty {
  const sizes = tableSizes(rows, table, unquantized);
  return {
    loss2: excess(sizes.weightKbytes, budget.weightKbytes) ** 2,
    loss3: excess(activationKbytes(sizes, budget.activationType), budget.activationKbytes) ** 2,
    sizes,
  };
}

/** The activation size of a type, in kB. */
export function activationKbytes(sizes: Omit<TableSizes, 'weightKbytes' | 'bits'>, type: ActivationType): number {
  switch (type) {
    case 'max':
      return sizes.activationMaxKbytes;
    case 'sum':
      return sizes.activationSumKbytes;
    case 'peak':
      return sizes.activationPeakKbytes;
    default:
      return type satisfies never;
  }
}

/**
 * Adds the gradients of lambdaWeight * loss2 + lambdaActivation * loss3 to `gradTable`, laid out like `table`.
 */
export function addPenaltyGradient(
  rows: readonly Quantizer[],
  table: ArrayLike<number>,
  unquantized: Unquantized,
  budget: Budget,
  gradTable: { [index: number]: number },
): void {
  const sets = memorySets(rows, unquantized);
  const bits = tableBits(rows, table);
  const terms = [
    { sets: sets.weights, target: budget.weightKbytes, lambda: budget.lambdaWeight },
    { sets: sets[budget.activationType], target: budget.activationKbytes, lambda: budget.lambdaActivation },
  ];
  for (const { sets, target, lambda } of terms) {
    if (target <= 0) continue;
    const { set, kbytes } = largestSet(sets, bits);
    const slope = 2 * lambda * excess(kbytes, target);
    if (slope === 0) continue;
    for (const { row, count } of set.members) {
      const [g0, g1] = inferredBitsGradient(rows[row]!, table[2 * row]!, table[2 * row + 1]!);
      const slopePerBit = (slope * count) / bitsPerKbyte;
      gradTable[2 * row] = gradTable[2 * row]! + slopePerBit * g0;
      gradTable[2 * row + 1] = gradTable[2 * row + 1]! + slopePerBit * g1;
    }
  }
}

/** kB above the budget; 0 if it is kept or not set. */
function excess(kbytes: number, target: number): number {
  return target > 0 ? Math.max(kbytes - target, 0) : 0;
}
