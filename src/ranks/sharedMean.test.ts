/** Ranks of one process, that meet in memory as those of several do: the bits of the tree over them. */

import { expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import type { HostVector } from '../engine/engine.js';
import { yieldToEventLoop } from '../eventLoop.js';
import { rounded } from '../program/bfloat16.js';
import { hostFloats } from '../program/hostFloats.js';
import type { Ranks } from '../program/ranks.js';
import { treeMean } from '../program/treeSum.js';
import { type Memory, sharedMean, summingHere, type Task, type VectorWork } from './sharedMean.js';

/** Addresses of arrays, whose memory begins at multiples of a number. */
const addressed: HostVector[] = [];
const APART = 2 ** 32;
const addressOf = (array: HostVector): bigint => BigInt(APART * (addressed.push(array) - 1));

/** The array at an address, or itself. */
function arrayAt(memory: Memory, bytes: number): HostVector {
  if (typeof memory !== 'bigint') return memory;
  const array = addressed[Math.floor(Number(memory) / APART)]!;
  const begin = (Number(memory) % APART) / array.BYTES_PER_ELEMENT;
  return array.subarray(begin, begin + bytes / array.BYTES_PER_ELEMENT);
}

/** The functions `mean` of so many ranks, and how often each has asked for memory. */
function neighbours(size: number) {
  const memories: ArrayBuffer[] = [];
  const asked = Array.from({ length: size }, () => 0);
  const means = asked.map((_, rank) => {
    const here = summingHere((memory: ArrayBuffer) => memory, { ...work, rank, size, yieldCore: () => {} });
    const thread: typeof here = (memory, room) => later(here(memory, room));
    const sharedMemory = (bytes: number): ArrayBuffer => {
      const at = asked[rank]!++;
      memories[at] ??= new ArrayBuffer(bytes);
      expect(memories[at].byteLength).toBe(bytes);
      return memories[at];
    };
    return sharedMean({ size, sharedMemory, here, threads: [thread, thread], addressOf, longBytes: 400 });
  });
  return { means, asked };
}

const work: VectorWork = {
  copy: (into, from, bytes) => arrayAt(into, bytes).set(arrayAt(from, bytes)),
  add: (into, other) => into.set(into.map((value, i) => value + other[i]!)),
  scale: (vector, factor) => vector.set(vector.map((value) => value * factor)),
};

let begun = 0;

/** Means that begin some turns later, in their order, as those of another thread do. */
function later(mean: (task: Task) => Promise<void>): typeof mean {
  let last = Promise.resolve();
  return (task) => {
    last = last.then(async () => {
      for (let turns = begun++ % 3; turns > 0; turns--) await yieldToEventLoop();
      await mean(task);
    });
    return last;
  };
}

type Mean = Ranks['mean'];

async function meanOf(mean: Mean, vector: HostVector, count: number): Promise<HostVector> {
  const into = vector.slice();
  await mean(hostFloats(vector), count, hostFloats(into));
  return into;
}

const random = createRandom(1);
const vectorsOf = (size: number, length: number, make: (floats: Float64Array) => HostVector): HostVector[] =>
  Array.from({ length: size }, () => make(new Float64Array(length).map(() => random.normal() * 10 ** random.below(6))));
const float32 = (floats: Float64Array) => Float32Array.from(floats);
const float64 = (floats: Float64Array) => floats;
const infinite = (floats: Float64Array) => rounded(floats.map((value, i) => (i < 3 ? Number.NaN : value / 0)));

// Lengths that ranks share evenly and others, longer ones that want more room, and other types.
const lengths = [
  [64, float32],
  [61, float32],
  [3, float32],
  [200, float32],
  [90, float64],
  [64, float32],
  [210, float32],
  [122, rounded],
  [301, rounded],
  // One that is cut into many pieces.
  [1501, float64],
  [20, infinite],
  [10, float32],
] as const;

it.each([1, 2, 4, 8])('%i ranks have the mean of the tree, one call behind the other or all at once', async (size) => {
  const { means, asked } = neighbours(size);
  const all = lengths.map(([length, make]) => vectorsOf(size, length, make));
  const copies = (vectors: readonly HostVector[]) => vectors.map((vector) => vector.slice());
  const wanted = all.map((vectors) => treeMean(copies(vectors), 2 * size));
  const given = all.map(copies);
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
