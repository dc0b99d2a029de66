/**
 * Ranks: processes that train one network together, each with some shards of every batch. A single process is one rank.
 */

import type { HostFloats } from '../engine/engine.js';
import { sha256 } from '../sha256.js';
import { divide } from './divide.js';
import type { FloatVector } from './treeSum.js';

/** All ranks make the same calls in the same order, and each call waits for all ranks; means may do so side by side. */
export interface Ranks {
  /** Index of this rank, from 0. */
  readonly rank: number;
  /** Number of ranks, a power of two. */
  readonly size: number;
  /**
   * The mean of the vectors of all ranks by `treeMean`, the same bits in every rank. The vector has to stay as it is until
   * then; it may be changed.
   *
   * @param into gets the mean, which may be the vector itself, and has its type
   */
  mean(vector: HostFloats, count: number, into: HostFloats): Promise<void>;
  /** The bytes of all ranks, which must be equally many, in the order of the ranks. */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
}

export const oneRank: Ranks = {
  rank: 0,
  size: 1,
  // One rank has several shards, and the sum of theirs is one of floats.
  mean: async (vector, count, into) => into.array().set(divide(vector.array() as FloatVector, count)),
  gather: async (bytes) => [bytes],
};

/**
 * Runs `work` in the first rank, then in the others, which find its results in the cache: tuned GPU tiles, which must
 * be the same for the same bits.
 */
export async function firstBefore<T>(ranks: Ranks, work: () => Promise<T>): Promise<T> {
  const meet = () => ranks.gather(Uint8Array.of(0));
  if (ranks.rank > 0) await meet();
  const result = await work();
  if (ranks.rank === 0) await meet();
  return result;
}

/** Tells whether a condition holds in any rank. */
export async function isTrueOfAny(ranks: Ranks, ofThisOne: boolean): Promise<boolean> {
  if (ranks.size === 1) return ofThisOne;
  const all = await ranks.gather(Uint8Array.of(Number(ofThisOne)));
  return all.some(([isTrue]) => isTrue === 1);
}

/**
 * The names of values in which a rank differs from rank 0, in words, the same in all ranks; `null` if all agree.
 *
 * @param things the values to compare, by name
 */
export async function disagreement(
  ranks: Ranks,
  things: Readonly<Record<string, string | Uint8Array>>,
): Promise<string | null> {
  if (ranks.size === 1) return null;
  for (const [name, thing] of Object.entries(things)) {
    const hash = sha256();
    hash.update(typeof thing === 'string' ? new TextEncoder().encode(thing) : thing);
    const all = await ranks.gather(hash.digest());
    const other = all.findIndex((digest) => digest.some((byte, at) => byte !== all[0]![at]));
    if (other > 0) return `rank ${other} of ${ranks.size} has other ${name} than rank 0`;
  }
  return null;
}
