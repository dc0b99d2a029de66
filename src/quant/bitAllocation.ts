/**
 * Allocation of bits under limits: the quantizer that loses a bit if a network exceeds its budget, and the one that
 * gains a bit if there is room. One bit at a time, each where the error changes the least (or the most) by unit of the
 * limited cost, such as a kB or a bit operation.
 *
 * The caller defines the error: `error(row, bits)` is the network's loss from a quantizer with that many bits, in a
 * unit that all tensors of one limit share.
 */
import { excess, keepsLimits, type Limit } from './budgetLimit.js';

/** Error of a quantizer, by its row and bits. */
export type BitError = (row: number, bits: number) => number;

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
    const candidates = [...given.keys()].filter((row) => given[row]! < largest[row]! && fits(row));
    const row = bestRow(
      candidates.flatMap((row) => {
        const own = share(row);
        return own > 0 && gain(row) > 0 ? [[row, gain(row) / own] as const] : [];
      }),
    );
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

/** The row with the highest value, the first of equal ones; null if there is none. */
function bestRow(values: readonly (readonly [row: number, value: number])[]): number | null {
  let best: readonly [number, number] | null = null;
  for (const [row, value] of values) {
    if (!best || value > best[1] || (value === best[1] && row < best[0])) best = [row, value];
  }
  return best?.[0] ?? null;
}
