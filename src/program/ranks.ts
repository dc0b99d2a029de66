/** The processes that train one network together, each some shards of every batch; one, where there are no others. */

import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { divide, type FloatVector } from './treeSum.js';

/** All ranks make the same calls in the same order, each of which waits for all of them. */
export interface Ranks {
  /** This one, counted from 0. */
  readonly rank: number;
  /** How many there are: a power of two. */
  readonly size: number;
  /**
   * The sum of the vectors of all ranks, by the tree of `TreeSum`, divided by `count`, a power of two: the same bits in
   * each. It is there until the next call, and may be the vector itself.
   */
  mean(vector: FloatVector, count: number): Promise<FloatVector>;
  /** What all ranks give, equally many bytes each, in their order. */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
}

export const oneRank: Ranks = {
  rank: 0,
  size: 1,
  mean: async (vector, count) => divide(vector, count),
  gather: async (bytes) => [bytes],
};

/**
 * Does something in the first rank, and then in the others, which so find what the first has left in the cache: a GPU's
 * tiles, which have to be the same for the same bits.
 */
export async function firstBefore<T>(ranks: Ranks, work: () => Promise<T>): Promise<T> {
  const meet = () => ranks.gather(Uint8Array.of(0));
  if (ranks.rank > 0) await meet();
  const result = await work();
  if (ranks.rank === 0) await meet();
  return result;
}

/** Tells whether something is true of one of the ranks. */
export async function isTrueOfAny(ranks: Ranks, ofThisOne: boolean): Promise<boolean> {
  if (ranks.size === 1) return ofThisOne;
  const all = await ranks.gather(Uint8Array.of(Number(ofThisOne)));
  return all.some(([isTrue]) => isTrue === 1);
}

/**
 * In words which rank has something other than rank 0 has, the same in all ranks; `null` if they agree.
 *
 * @param things what they compare, by its name for the words
 */
export async function disagreement(
  ranks: Ranks,
  things: Readonly<Record<string, string | Uint8Array>>,
): Promise<string | null> {
  if (ranks.size === 1) return null;
  for (const [name, thing] of Object.entries(things)) {
    const all = await ranks.gather(sha256(typeof thing === 'string' ? utf8ToBytes(thing) : thing));
    const other = all.findIndex((hash) => hash.some((byte, at) => byte !== all[0]![at]));
    if (other > 0) return `rank ${other} of ${ranks.size} has other ${name} than rank 0`;
  }
  return null;
}
