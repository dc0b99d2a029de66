/**
 * Which quantizer gives up a bit when a network exceeds its budget, and which gets one when there is room: single bits,
 * each where it costs the least, or gains the most, by what the limit counts: a kB, a bit operation.
 *
 * The worth of a bit is the caller's: `error(row, bits)` is what the network loses by a quantizer of that many bits, in
 * a unit that all tensors of one limit share.
 */
import { floatBits } from './inferredBitwidth.js';
import { largestSet, type TensorSet } from './sizes.js';

/** Limit of the costs of all bits together. */
export interface Limit {
  readonly most: number;
  /** The cost of these bits, which grows with none of them less. */
  cost(bits: readonly number[]): number;
  /** The rows of which a bit less lowers the cost, or may help to, each with how much it takes part. */
  shares(bits: readonly number[]): ReadonlyMap<number, number>;
  /** How much a row takes part at most, 0 where it counts nothing. */
  largestShare(row: number, bits: readonly number[]): number;
}

/** Error of a quantizer by its row and bits. */
export type BitError = (row: number, bits: number) => number;

/** Limits the kB of the largest set of tensors; a tensor takes part by its elements. */
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
 * Limits any cost that no bit lowers; a tensor takes part by what a bit of it costs now. Where costs rise by steps, such
 * as of widths that a device does not have, a bit that costs nothing takes part a little: it is the first to be given,
 * and the last to be taken, which may help the next one to save something.
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

/** A part of the whole cost. */
const leastShare = 1e-9;

/** Tells whether every limit is kept. */
export function keepsLimits(limits: readonly Limit[], bits: readonly number[]): boolean {
  return limits.every((limit) => excess(limit, bits) === 0);
}

/**
 * Bits that keep the limits: as long as one is broken, of the rows that take part the one gives up a bit that adds the
 * least error by its share, of equal ones the earliest. Where all are at their smallest the limit stays broken.
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
 * Bits that use the room the limits leave: as long as one more fits somewhere and helps, the bit that removes the most
 * error by its share is given, of equal ones to the earliest row. Rows that no limit counts keep theirs.
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

/** The most bits that each row can have while all others have their smallest. */
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

/** Costs of bits beyond a limit, 0 if they keep it. */
export function excess({ cost, most }: Limit, bits: readonly number[]): number {
  return Math.max(0, cost(bits) - most);
}

/** Elements of a set by row, in the order of first appearance. */
function elementsByRow(set: TensorSet): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { row, count } of set.members) counts.set(row, (counts.get(row) ?? 0) + count);
  return counts;
}

/** The row with the highest value, the earliest of equal ones; null if there is none. */
function bestRow(values: readonly (readonly [row: number, value: number])[]): number | null {
  let best: readonly [number, number] | null = null;
  for (const [row, value] of values) {
    if (!best || value > best[1] || (value === best[1] && row < best[0])) best = [row, value];
  }
  return best?.[0] ?? null;
}
