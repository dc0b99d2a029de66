/**
 * Bits and whole channels that weights give up to fit into so many kB: one after the other, each time what adds the
 * least error for the memory it saves. A channel that goes takes the bits of all weights that compute or read it.
 */

import type { BitError } from './bitAllocation.js';
import { bitsPerKbyte, setBits, type TensorSet } from './sizes.js';

/** Channels of which any but the last may go. */
export interface PrunableChannels {
  /** Rows of the weights that have an axis of these channels. */
  readonly rows: readonly number[];
  /** What is lost with each channel, in the unit of a `BitError`. */
  readonly losses: readonly number[];
}

export interface Allocation {
  readonly bits: readonly number[];
  /** The channels that have to go, group by group, as indices into `losses`. */
  readonly gone: readonly (readonly number[])[];
}

/**
 * Fits a set of weights into `kbytes`, from these bits and with all channels there; where the fewest bits and a channel a
 * group are too much, it stays too large. Of equal gains a bit comes before a channel, and the earliest row or group first.
 *
 * @param set the weights together, counted with the channels there are
 * @param smallest the fewest bits of every row
 */
export function takeBitsAndChannels(
  bits: readonly number[],
  set: TensorSet,
  kbytes: number,
  groups: readonly PrunableChannels[],
  smallest: readonly number[],
  error: BitError,
): Allocation {
  const taken = [...bits];
  const order = groups.map(({ losses }) => [...losses.keys()].sort((a, b) => losses[a]! - losses[b]! || a - b));
  const gone = groups.map(() => 0);
  const left = (group: number) => order[group]!.length - gone[group]!;
  const elements = (row: number, count: number) =>
    groups.reduce(
      (product, { rows }, group) => (rows.includes(row) ? (product * left(group)) / order[group]!.length : product),
      count,
    );
  for (;;) {
    const members = set.members.map(({ row, count }) => ({ row, count: elements(row, count) }));
    if (setBits({ members, bits: set.bits }, taken) <= kbytes * bitsPerKbyte) break;
    // An error is that of all channels, as the count is: both fall with those that go.
    const fewerBits = set.members
      .filter(({ row }) => taken[row]! > smallest[row]!)
      .map(({ row, count }) => ({
        price: (error(row, taken[row]! - 1) - error(row, taken[row]!)) / count,
        take: () => {
          taken[row] = taken[row]! - 1;
        },
      }));
    const fewerChannels = [...groups.keys()]
      .filter((group) => left(group) > 1)
      .map((group) => {
        const { rows, losses } = groups[group]!;
        const saved = members.filter(({ row }) => rows.includes(row)).map(({ row, count }) => taken[row]! * count);
        const perChannel = saved.reduce((sum, own) => sum + own, 0) / left(group);
        return {
          price: losses[order[group]![gone[group]!]!]! / perChannel,
          take: () => {
            gone[group] = gone[group]! + 1;
          },
        };
      });
    const [cheapest] = [...fewerBits, ...fewerChannels].sort((a, b) => a.price - b.price);
    if (!cheapest) break;
    cheapest.take();
  }
  return { bits: taken, gone: order.map((channels, group) => channels.slice(0, gone[group])) };
}
