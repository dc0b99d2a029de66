/**
 * Which quantizer gives up a bit when a network exceeds its budget, and which gets one when there is room: single bits,
 * each where it costs the least, or gains the most, per kB.
 *
 * The worth of a bit is the caller's: `error(row, bits)` is what the network loses by a quantizer of that many bits, in
 * a unit that all tensors of one limit share.
 */
import { largestSet, type TensorSet } from './sizes.js';

/** No set of tensors may take more. */
export interface MemoryLimit {
  readonly sets: readonly TensorSet[];
  readonly kbytes: number;
}

/** Error of a quantizer by its row and bits. */
export type BitError = (row: number, bits: number) => number;

/** Tells whether every limit is kept. */
export function keepsLimits(limits: readonly MemoryLimit[], bits: readonly number[]): boolean {
  return limits.every((limit) => missingKbytes(limit, bits) === 0);
}

/**
 * Bits that keep the limits: as long as one is broken its largest set gives up the bit that adds the least error per
 * element, of equal ones the earliest row's. Where all are at their smallest the limit stays broken.
 */
export function takeBits(
  bits: readonly number[],
  limits: readonly MemoryLimit[],
  smallest: readonly number[],
  error: BitError,
): number[] {
  const taken = [...bits];
  for (const { sets, kbytes } of limits) {
    for (;;) {
      const largest = largestSet(sets, taken);
      if (largest.kbytes <= kbytes) break;
      const candidates = [...elementsByRow(largest.set)].filter(([row]) => taken[row]! > smallest[row]!);
      const row = bestRow(
        candidates.map(
          ([row, count]) => [row, (error(row, taken[row]!) - error(row, taken[row]! - 1)) / count] as const,
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
 * error per element is given, of equal ones to the earliest row. Rows that no limit counts keep theirs.
 */
export function giveBits(
  bits: readonly number[],
  limits: readonly MemoryLimit[],
  largest: readonly number[],
  error: BitError,
): number[] {
  const given = [...bits];
  const counts = new Map<number, number>();
  for (const [row, count] of limits.flatMap(({ sets }) => sets.flatMap((set) => [...elementsByRow(set)]))) {
    counts.set(row, Math.max(counts.get(row) ?? 0, count));
  }
  const fits = (row: number) => keepsLimits(limits, given.with(row, given[row]! + 1));
  const gain = (row: number) => error(row, given[row]!) - error(row, given[row]! + 1);
  for (;;) {
    const candidates = [...counts].filter(([row]) => given[row]! < largest[row]! && gain(row) > 0 && fits(row));
    const row = bestRow(candidates.map(([row, count]) => [row, gain(row) / count] as const));
    if (row === null) return given;
    given[row] = given[row]! + 1;
  }
}

/** The most bits that each row can have while all others have their smallest. */
export function individualLimits(
  limits: readonly MemoryLimit[],
  smallest: readonly number[],
  largest: readonly number[],
): number[] {
  return smallest.map((least, row) => {
    let bits = largest[row]!;
    while (bits > least && !keepsLimits(limits, smallest.with(row, bits))) bits--;
    return bits;
  });
}

/** kB by which bits break a limit, 0 if they keep it. */
export function missingKbytes({ sets, kbytes }: MemoryLimit, bits: readonly number[]): number {
  return Math.max(0, largestSet(sets, bits).kbytes - kbytes);
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
