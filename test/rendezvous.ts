/** Ranks of one process: each is a chain of promises of its own, and they meet where real ones do. */

import type { Ranks } from '../src/program/ranks.js';
import { divide, TreeSum } from '../src/program/treeSum.js';

export function rendezvous(size: number): Ranks[] {
  const met: ((gifts: readonly unknown[]) => void)[] = [];
  const gifts: unknown[] = new Array(size);
  const exchange = <T>(rank: number, gift: T): Promise<readonly T[]> =>
    new Promise((resolve) => {
      gifts[rank] = gift;
      met.push(resolve as (all: readonly unknown[]) => void);
      if (met.length === size) for (const meet of met.splice(0)) meet([...gifts]);
    });
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    gather: (bytes) => exchange(rank, bytes),
    mean: async (vector, count) => {
      const tree = new TreeSum();
      for (const each of await exchange(rank, vector.slice())) tree.add(each.slice());
      return divide(tree.total, count);
    },
  }));
}
