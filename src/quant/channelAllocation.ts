/**
 * Allocation of bits and channels under a limit: one reduction at a time, each with the least error for what it saves.
 * Removing a channel removes its part of all tensors with an axis of such channels.
 */

import type { BitError } from './bitAllocation.js';
import { floatBits } from './inferredBitwidth.js';

/** Channels that may be pruned. */
export interface PrunableChannels {
  /** Rows of the tensors with an axis of these channels. */
  readonly rows: readonly number[];
  /** Loss of each channel, in the unit of the `BitError`. */
  readonly losses: readonly number[];
}

/** Number that is left of `count` elements, or multiply-adds, of a row. */
export type Left = (row: number, count: number) => number;

/** A limit for the cost of bits and channels together. */
export interface ThinLimit {
  readonly most: number;
  /** The cost of bits with these channels left; it does not increase with fewer bits or channels. */
  cost(left: Left): (bits: readonly number[]) => number;
}

export interface Allocation {
  readonly bits: readonly number[];
  /** The channels to remove, group by group, as indices into `losses`. */
  readonly gone: readonly (readonly number[])[];
}

/** Settings of the search for channels. */
export interface Candidates {
  readonly groups: readonly PrunableChannels[];
  /** Channels removed at a time, and also the fewest that a group keeps. */
  readonly step: number;
  /** The fewest bits of every row. */
  readonly smallest: readonly number[];
  readonly error: BitError;
}

/**
 * Keeps a limit, beginning with these bits and all channels. If the fewest bits and channels exceed it, it stays
 * broken. Of equal gains a bit comes before channels, and the first row or group before others.
 */
export function takeBitsAndChannels(
  bits: readonly number[],
  { most, cost }: ThinLimit,
  { groups, step, smallest, error }: Candidates,
): Allocation {
  const order = groups.map(({ losses }) => [...losses.keys()].sort((a, b) => losses[a]! - losses[b]! || a - b));
  const groupsOf = bits.map((_, row) => [...groups.keys()].filter((group) => groups[group]!.rows.includes(row)));
  const left =
    (gone: readonly number[]): Left =>
    (row, count) =>
      groupsOf[row]!.reduce((product, group) => {
        const { length } = groups[group]!.losses;
        return (product * (length - gone[group]!)) / length;
      }, count);
  /** Costs by the numbers of channels removed, which are asked for again after each bit. */
  const known = new Map<string, (bits: readonly number[]) => number>();
  const costWithout = (gone: readonly number[]) => {
    const key = gone.join();
    const found = known.get(key) ?? cost(left(gone));
    known.set(key, found);
    return found;
  };
  const all = cost((_, count) => count);
  const counted = [...bits.keys()].filter((row) => all(bits.with(row, floatBits)) > all(bits.with(row, 1)));
  let taken = { bits: [...bits], gone: groups.map(() => 0) };
  for (;;) {
    const leftNow = left(taken.gone);
    const costNow = costWithout(taken.gone);
    const present = costNow(taken.bits);
    if (present <= most) break;
    const fewerBits = counted
      .filter((row) => taken.bits[row]! > smallest[row]!)
      .map((row) => {
        const own = taken.bits[row]!;
        const next = { ...taken, bits: taken.bits.with(row, own - 1) };
        // `error` is that of all channels; it shrinks with the channels that are left.
        return { next, error: leftNow(row, error(row, own - 1) - error(row, own)), cost: costNow(next.bits) };
      });
    const fewerChannels = [...groups.keys()]
      .filter((group) => order[group]!.length - taken.gone[group]! >= 2 * step)
      .map((group) => {
        const first = taken.gone[group]!;
        const next = { ...taken, gone: taken.gone.with(group, first + step) };
        const going = order[group]!.slice(first, first + step);
        const lost = going.reduce((sum, channel) => sum + groups[group]!.losses[channel]!, 0);
        return { next, error: lost, cost: costWithout(next.gone)(next.bits) };
      });
    // A reduction without savings may help the next one to save something, but comes last.
    const price = (step: (typeof fewerBits)[number]) =>
      step.error / Math.max(present - step.cost, leastSaving * present);
    const [cheapest] = [...fewerBits, ...fewerChannels].sort((a, b) => price(a) - price(b));
    if (!cheapest) break;
    taken = cheapest.next;
  }
  return { bits: taken.bits, gone: order.map((channels, group) => channels.slice(0, taken.gone[group])) };
}

/** Smallest saving, as a fraction of the whole cost. */
const leastSaving = 1e-9;
