/**
 * The price of exceeding a memory budget: cross-entropy is joined by lambdaWeight * loss2 + lambdaActivation * loss3,
 *
 *     loss2 = max(S_w - target_w, 0)^2        loss3 = max(S_a - target_a, 0)^2
 *
 * S_a being the largest activation or the sum of all. A size reaches the learned values through the inferred bits.
 * Of a maximum only the largest activation gets a gradient, the first in creation order where several are equal.
 */
import { inferredBitsGradient } from './inferredBitwidth.js';
import type { Quantizer } from './quantizer.js';
import type { TableSizes, Unquantized } from './sizes.js';
import { bitsPerKbyte, tableSizes } from './sizes.js';

/** A memory budget; a target of 0 or less switches its term off. */
export interface Budget {
  readonly weightKbytes: number;
  readonly activationKbytes: number;
  readonly activationType: 'max' | 'sum';
  readonly lambdaWeight: number;
  readonly lambdaActivation: number;
}

/** Both penalties, without their lambdas, and the sizes they come from. */
export interface Penalty {
  readonly loss2: number;
  readonly loss3: number;
  readonly sizes: TableSizes;
}

/** The penalties of a network; `table` holds (p0, p1) of row i at 2i and 2i + 1. */
export function penalty(
  rows: readonly Quantizer[],
  table: ArrayLike<number>,
  unquantized: Unquantized,
  budget: Budget,
): Penalty {
  const sizes = tableSizes(rows, table, unquantized);
  return { loss2: weightExcess(sizes, budget) ** 2, loss3: activationExcess(sizes, budget) ** 2, sizes };
}

/** Adds the gradients of lambdaWeight * loss2 + lambdaActivation * loss3 to `gradTable`, laid out like `table`. */
export function addPenaltyGradient(
  rows: readonly Quantizer[],
  table: ArrayLike<number>,
  unquantized: Unquantized,
  budget: Budget,
  gradTable: { [index: number]: number },
): void {
  const sizes = tableSizes(rows, table, unquantized);
  const weightSlope = 2 * budget.lambdaWeight * weightExcess(sizes, budget);
  const activationSlope = 2 * budget.lambdaActivation * activationExcess(sizes, budget);
  rows.forEach((q, row) => {
    const counts = q.role !== 'activation' || budget.activationType === 'sum' || row === sizes.largestActivationRow;
    const slope = q.role === 'activation' ? activationSlope : weightSlope;
    if (!counts || slope === 0) return;
    const [g0, g1] = inferredBitsGradient(q, table[2 * row]!, table[2 * row + 1]!);
    const slopePerBit = (slope * q.count) / bitsPerKbyte;
    gradTable[2 * row] = gradTable[2 * row]! + slopePerBit * g0;
    gradTable[2 * row + 1] = gradTable[2 * row + 1]! + slopePerBit * g1;
  });
}

/** kB above the budget, 0 where it is kept or not set. */
function excess(kbytes: number, target: number): number {
  return target > 0 ? Math.max(kbytes - target, 0) : 0;
}

function weightExcess(sizes: TableSizes, budget: Budget): number {
  return excess(sizes.weightKbytes, budget.weightKbytes);
}

function activationExcess(sizes: TableSizes, budget: Budget): number {
  const kbytes = budget.activationType === 'max' ? sizes.activationMaxKbytes : sizes.activationSumKbytes;
  return excess(kbytes, budget.activationKbytes);
}
