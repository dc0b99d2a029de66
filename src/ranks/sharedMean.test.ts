/** Ranks of one process, that meet in memory as those of several do: the bits of the tree over them. */

import { expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { divide, type FloatVector, TreeSum } from '../program/treeSum.js';
import { sharedMean } from './sharedMean.js';

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
    }),
  );
  return { means, asked };
}

const random = createRandom(1);
const vectorsOf = (size: number, length: number, Floats: typeof Float32Array | typeof Float64Array) =>
  Array.from({ length: size }, () => new Floats(length).map(() => random.normal() * 10 ** random.below(6)));

function wanted(vectors: readonly FloatVector[], count: number): FloatVector {
  const tree = new TreeSum();
  for (const vector of vectors) tree.add(vector.slice());
  return divide(tree.total, count);
}

it.each([1, 2, 4, 8])('%i ranks have the mean of the tree, one call behind the other', async (size) => {
  const { means, asked } = neighbours(size);
  // Lengths that ranks share evenly and others, a longer one that wants more room, and another type.
  for (const [length, Floats] of [
    [64, Float32Array],
    [61, Float32Array],
    [3, Float32Array],
    [200, Float32Array],
    [90, Float64Array],
    [64, Float32Array],
  ] as const) {
    const vectors = vectorsOf(size, length, Floats);
    const given = vectors.map((vector) => vector.slice());
    const found = await Promise.all(means.map((mean, rank) => mean(given[rank]!, 2 * size)));
    for (const mean of found) expect(mean).toEqual(wanted(vectors, 2 * size));
    expect(given).toEqual(vectors);
  }
  expect(new Set(asked)).toEqual(new Set([2]));
});

it('a mean is there until its rank asks for the next, however far the others are', async () => {
  const { means } = neighbours(2);
  const [a, b] = vectorsOf(2, 40, Float32Array) as [Float32Array, Float32Array];
  const [first, others] = await Promise.all(means.map((mean) => mean(a, 2)));
  const next = means[1]!(b, 2);
  // The other rank has left its vector, and waits.
  for (let turn = 0; turn < 5; turn++) await new Promise((done) => setImmediate(done));
  expect(first).toEqual(a);
  expect(await Promise.all([means[0]!(b, 2), next])).toEqual([b, b]);
  expect(others).toEqual(b);
});
