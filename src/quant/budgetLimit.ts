/** Limits for the cost of all bits of a network together: its memory, or any cost that does not decrease with bits. */

import { floatBits } from './inferredBitwidth.js';
import { largestSet, type TensorSet } from './sizes.js';

/** A limit for the cost of all bits together. */
export interface Limit {
  readonly most: number;
  /** The cost of these bits; it does not decrease with more bits. */
  cost(bits: readonly number[]): number;
  /**
   * The rows for which one bit less lowers the cost, or may help to, and the share of each: its part in the cost of a
   * bit.
   */
  shares(bits: readonly number[]): ReadonlyMap<number, number>;
  /** The largest possible share of a row, 0 if it has no cost. */
  largestShare(row: number, bits: readonly number[]): number;
}

/** A limit in kB for the largest set of tensors. A tensor's share is its number of elements. */
export function memoryLimit(sets: readonly TensorSet[], kbytes: number): Limit {
  let largest: ReadonlyMap<number, number> | null = null;
  return {
    most: kbytes,
    cost: (bits) => largestSet(sets, bits).kbytes,
    shares: (bits) => elementsByRow(largestSet(sets, bits).set),
    largestShare: (row) => {
      largest ??= largestByRow(sets);
      return largest.get(row) ?? 0;
    },
  };
}

function largestByRow(sets: readonly TensorSet[]): Map<number, number> {
  const largest = new Map<number, number>();
  for (const [row, count] of sets.flatMap((set) => [...elementsByRow(set)])) {
    largest.set(row, Math.max(largest.get(row) ?? 0, count));
  }
  return largest;
}

/**
 * A limit for any cost that does not decrease with bits. A tensor's share is the present cost of one of its bits. If
 * costs rise in steps, for instance with widths that a device does not have, a bit without cost has a tiny share: it is
 * the first to be given and the last to be taken, which may help the next one to save something.
 */
export function costLimit(cost: (bits: readonly number[]) => number, most: number): Limit {
  const shareOf = (row: number, from: readonly number[], to: readonly number[]): number => {
    const isCounted = cost(from.with(row, floatBits)) > cost(from.with(row, 1));
    return isCounted ? Math.max(Math.abs(cost(to) - cost(from)), leastShare * cost(from)) : 0;
  };
  return {
    most,
    cost,
    shares: (bits) => {
      const shares = [...bits.keys()].map((row) => [row, shareOf(row, bits, bits.with(row, bits[row]! - 1))] as const);
      return new Map(shares.filter(([, share]) => share > 0));
    },
    largestShare: (row, bits) => shareOf(row, bits, bits.with(row, bits[row]! + 1)),
  };
}

/** Smallest share, as a fraction of the whole cost. */
const leastShare = 1e-9;

/** Tells whether all limits are kept. */
export function keepsLimits(limits: readonly Limit[], bits: readonly number[]): boolean {
  return limits.every((limit) => excess(limit, bits) === 0);
}

/** The cost of bits above a limit, 0 if they keep it. */
export function excess({ cost, most }: Limit, bits: readonly number[]): number {
  return Math.max(0, cost(bits) - most);
}

/** Elements of a set by row, in the order of first appearance. */
function elementsByRow(set: TensorSet): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { row, count } of set.members) counts.set(row, (counts.get(row) ?? 0) + count);
  return counts;
}
