/** Ranks of one process: each is a chain of promises of its own, and they meet where real ones do. */

import type { Ranks } from '../src/program/ranks.js';
import { treeMean } from '../src/program/treeSum.js';

export function rendezvous(size: number): Ranks[] {
  /** By the number of the call, which ranks may make before earlier ones are answered. */
  const meetings: Meeting[] = [];
  const calls = new Array<number>(size).fill(0);
  const exchange = <T>(rank: number, gift: T): Promise<readonly T[]> =>
    new Promise((resolve) => {
      const call = calls[rank]!++;
      meetings[call] ??= { gifts: new Array(size), met: [] };
      const { gifts, met } = meetings[call];
      gifts[rank] = gift;
      met.push(resolve as (all: readonly unknown[]) => void);
      if (met.length === size) for (const meet of met) meet([...gifts]);
    });
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    gather: (bytes) => exchange(rank, bytes),
    mean: async (vector, count, into) => {
      const all = await exchange(rank, vector.array().slice());
      const own = all.map((each) => each.slice());
      into.array().set(treeMean(own, count));
    },
  }));
}

interface Meeting {
  readonly gifts: unknown[];
  readonly met: ((gifts: readonly unknown[]) => void)[];
}
