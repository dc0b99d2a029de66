/**
 * Bits and whole channels that a network gives up to keep a limit: one after the other, each time what adds the least
 * error for what it saves. A channel that goes takes along its part of all tensors that have an axis of such channels.
 */

import type { BitError } from './bitAllocation.js';
import { floatBits } from './inferredBitwidth.js';

/** Channels of which some may go. */
export interface PrunableChannels {
  /** Rows of the tensors that have an axis of these channels. */
  readonly rows: readonly number[];
  /** Loss of each channel, in the unit of the `BitError`. */
  readonly losses: readonly number[];
}

/** The number that is left of so many elements, or multiply-adds, that belong to a row. */
export type Left = (row: number, count: number) => number;

/** Limit of the costs of bits and channels together. */
export interface ThinLimit {
  readonly most: number;
  /** The cost of bits, where so much is left; no bit less and no channel less makes it larger. */
  cost(left: Left): (bits: readonly number[]) => number;
}

export interface Allocation {
  readonly bits: readonly number[];
  /** The channels that have to go, group by group, as indices into `losses`. */
  readonly gone: readonly (readonly number[])[];
}

/** How the search goes about channels. */
export interface Candidates {
  readonly groups: readonly PrunableChannels[];
  /** So many go at a time, and so many stay at least; of a group with fewer none goes. */
  readonly step: number;
  /** The fewest bits of every row. */
  readonly smallest: readonly number[];
  readonly error: BitError;
}

/**
 * Keeps a limit, from these bits and with all channels there; where the fewest bits and channels are too much, it stays
 * broken. Of equal gains a bit comes before channels, and the earliest row or group first.
 */
export function takeBitsAndChannels(
  bits: readonly number[],
  { most, cost }: ThinLimit,
  { groups, step, smallest, error }: Candidates,
): Allocation {
  const order = groups.map(({ losses }) => [...losses.keys()].sort((a, b) => losses[a]! - losses[b]! || a - b));
  const left =
    (gone: readonly number[]): Left =>
    (row, count) =>
      groups.reduce((product, { rows, losses: { length } }, group) => {
        return rows.includes(row) ? (product * (length - gone[group]!)) / length : product;
      }, count);
  const all = cost((_, count) => count);
  const counted = [...bits.keys()].filter((row) => all(bits.with(row, floatBits)) > all(bits.with(row, 1)));
  let taken = { bits: [...bits], gone: groups.map(() => 0) };
  for (;;) {
    const leftNow = left(taken.gone);
    const costNow = cost(leftNow);
    const present = costNow(taken.bits);
    if (present <= most) break;
    const fewerBits = counted
      .filter((row) => taken.bits[row]! > smallest[row]!)
      .map((row) => {
        const own = taken.bits[row]!;
        const next = { ...taken, bits: taken.bits.with(row, own - 1) };
        // The error is that of all channels; it falls with those that go.
        return { next, error: leftNow(row, error(row, own - 1) - error(row, own)), cost: costNow(next.bits) };
      });
    const fewerChannels = [...groups.keys()]
      .filter((group) => order[group]!.length - taken.gone[group]! >= 2 * step)
      .map((group) => {
        const first = taken.gone[group]!;
        const next = { ...taken, gone: taken.gone.with(group, first + step) };
        const going = order[group]!.slice(first, first + step);
        const lost = going.reduce((sum, channel) => sum + groups[group]!.losses[channel]!, 0);
        return { next, error: lost, cost: cost(left(next.gone))(next.bits) };
      });
    // What saves nothing may help the next to save something, but comes last.
    const price = (step: (typeof fewerBits)[number]) =>
      step.error / Math.max(present - step.cost, leastSaving * present);
    const [cheapest] = [...fewerBits, ...fewerChannels].sort((a, b) => price(a) - price(b));
    if (!cheapest) break;
    taken = cheapest.next;
  }
  return { bits: taken.bits, gone: order.map((channels, group) => channels.slice(0, taken.gone[group])) };
}

/** A part of the whole cost. */
const leastSaving = 1e-9;
