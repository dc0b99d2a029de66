/**
 * Allocation of bits under limits: the quantizer that loses a bit if a network exceeds its budget, and the one that
 * gains a bit if there is room. One bit at a time, each where the error changes the least (or the most) by unit of the
 * limited cost, such as a kB or a bit operation.
 *
 * The caller defines the error: `error(row, bits)` is the network's loss from a quantizer with that many bits, in a
 * unit that all tensors of one limit share.
 */
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

/** Error of a quantizer, by its row and bits. */
export type BitError = (row: number, bits: number) => number;

/** A limit in kB for the largest set of tensors. A tensor's share is its number of elements. */
export function memoryLimit(sets: readonly TensorSet[], kbytes: number): Limit {
  const largest = new Map<number, number>();
  for (const [row, count] of sets.flatMap((set) => [...elementsByRow(set)])) {
    largest.set(row, Math.max(largest.get(row) ?? 0, count));
  }
  return {
    most: kbytes,
    cost: (bits) => largestSet(sets, bits).kbytes,
    shares: (bits) => elementsByRow(largestSet(sets, bits).set),
    largestShare: (row) => largest.get(row) ?? 0,
  };
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

/**
 * Bits that keep the limits. As long as one is broken, the row that adds the least error by its share loses a bit; of
 * equal ones the first. If all rows have their fewest bits, the limit stays broken.
 */
export function takeBits(
  bits: readonly number[],
  limits: readonly Limit[],
  smallest: readonly number[],
  error: BitError,
): number[] {
  const taken = [...bits];
  for (const limit of limits) {
    while (excess(limit, taken) > 0) {
      const candidates = [...limit.shares(taken)].filter(([row]) => taken[row]! > smallest[row]!);
      const row = bestRow(
        candidates.map(
          ([row, share]) => [row, (error(row, taken[row]!) - error(row, taken[row]! - 1)) / share] as const,
        ),
      );
      if (row === null) break;
      taken[row] = taken[row]! - 1;
    }
  }
  return taken;
}

/**
 * Bits that use the room under the limits. As long as another bit fits and helps, the row that removes the most error
 * by its share gets it; of equal ones the first. Rows without a share in any limit keep their bits.
 */
export function giveBits(
  bits: readonly number[],
  limits: readonly Limit[],
  largest: readonly number[],
  error: BitError,
): number[] {
  const given = [...bits];
  const share = (row: number) => limits.map((limit) => limit.largestShare(row, given)).find((each) => each > 0) ?? 0;
  const fits = (row: number) => keepsLimits(limits, given.with(row, given[row]! + 1));
  const gain = (row: number) => error(row, given[row]!) - error(row, given[row]! + 1);
  for (;;) {
    const candidates = [...given.keys()].filter(
      (row) => given[row]! < largest[row]! && share(row) > 0 && gain(row) > 0 && fits(row),
    );
    const row = bestRow(candidates.map((row) => [row, gain(row) / share(row)] as const));
    if (row === null) return given;
    given[row] = given[row]! + 1;
  }
}

/** The most bits of each row while all others have their fewest. */
export function individualLimits(
  limits: readonly Limit[],
  smallest: readonly number[],
  largest: readonly number[],
): number[] {
  return smallest.map((least, row) => {
    let bits = largest[row]!;
    while (bits > least && !keepsLimits(limits, smallest.with(row, bits))) bits--;
    return bits;
  });
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

/** The row with the highest value, the first of equal ones; null if there is none. */
function bestRow(values: readonly (readonly [row: number, value: number])[]): number | null {
  let best: readonly [number, number] | null = null;
  for (const [row, value] of values) {
    if (!best || value > best[1] || (value === best[1] && row < best[0])) best = [row, value];
  }
  return best?.[0] ?? null;
}
