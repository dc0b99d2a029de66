/** Ranks of one process, that meet in memory as those of several do: the bits of the tree over them. */

import { expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { yieldToEventLoop } from '../eventLoop.js';
import type { Ranks } from '../program/ranks.js';
import { divide, type FloatVector, TreeSum } from '../program/treeSum.js';
import { sharedMean, type VectorWork } from './sharedMean.js';

/** The functions `mean` of so many ranks, and how often each has asked for memory. */
function neighbours(size: number) {
  const memories: ArrayBuffer[] = [];
  const asked = Array.from({ length: size }, () => 0);
  const means = asked.map((_, rank) =>
    sharedMean({
      rank,
      size,
      sharedMemory: (bytes) => {
        const at = asked[rank]!++;
        memories[at] ??= new ArrayBuffer(bytes);
        expect(memories[at].byteLength).toBe(bytes);
        return memories[at];
      },
      yieldCore: () => {},
      ...work,
    }),
  );
  return { means, asked };
}

/** Work that is done some turns later, as that of other threads, and each piece later than the one before it. */
const work: VectorWork = {
  copy: (into, from) => later(() => into.set(from)),
  add: (into, other) => later(() => into.set(into.map((value, i) => value + other[i]!))),
  scale: (vector, factor) => later(() => vector.set(vector.map((value) => value * factor))),
};

let pieces = 0;
async function later(piece: () => void): Promise<void> {
  for (let turns = pieces++ % 3; turns > 0; turns--) await yieldToEventLoop();
  piece();
}

type Mean = Ranks['mean'];

async function meanOf(mean: Mean, vector: FloatVector, count: number): Promise<FloatVector> {
  const into = vector.slice();
  await mean(vector, count, into);
  return into;
}

const random = createRandom(1);
const vectorsOf = (size: number, length: number, Floats: typeof Float32Array | typeof Float64Array) =>
  Array.from({ length: size }, () => new Floats(length).map(() => random.normal() * 10 ** random.below(6)));

function meanByTree(vectors: readonly FloatVector[], count: number): FloatVector {
  const tree = new TreeSum();
  for (const vector of vectors) tree.add(vector.slice());
  return divide(tree.total, count);
}

// Lengths that ranks share evenly and others, longer ones that want more room, and another type.
const lengths = [
  [64, Float32Array],
  [61, Float32Array],
  [3, Float32Array],
  [200, Float32Array],
  [90, Float64Array],
  [64, Float32Array],
  [210, Float32Array],
  [10, Float32Array],
] as const;

it.each([1, 2, 4, 8])('%i ranks have the mean of the tree, one call behind the other or all at once', async (size) => {
  const { means, asked } = neighbours(size);
  const all = lengths.map(([length, Floats]) => vectorsOf(size, length, Floats));
  const wanted = all.map((vectors) => meanByTree(vectors, 2 * size));
  const given = all.map((vectors) => vectors.map((vector) => vector.slice()));
  for (const [at, vectors] of given.entries()) {
    const found = await Promise.all(means.map((mean, rank) => meanOf(mean, vectors[rank]!, 2 * size)));
    for (const mean of found) expect(mean).toEqual(wanted[at]);
  }
  const found = await Promise.all(
    means.map((mean, rank) => Promise.all(given.map((vectors) => meanOf(mean, vectors[rank]!, 2 * size)))),
  );
  for (const ofRank of found) expect(ofRank).toEqual(wanted);
  expect(given).toEqual(all);
  expect(new Set(asked).size).toBe(1);
});
