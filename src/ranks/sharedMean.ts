/**
 * Means over ranks of one machine, by memory that all of them see. Each copies its vector there, sums one part of all of
 * them in place, and copies the whole when all have done so: messages would copy each vector several times more.
 *
 * Long vectors are cut into pieces that threads of their own copy and sum, several at once, each in a room of its own in that
 * memory: this thread is left to a GPU and to signals.
 */

import type { HostVector } from '../engine/engine.js';
import { yieldToEventLoop } from '../eventLoop.js';
import { arraysOf, type Numbers, numbersOf } from '../program/hostFloats.js';
import type { Ranks } from '../program/ranks.js';
import type { FloatVector } from '../program/treeSum.js';
import { roundedMean } from './roundedMean.js';

/** Ranks of one machine. */
export interface Neighbours<Shared> {
  readonly size: number;
  /** Bytes that all ranks see, zero at first; all of them ask for equally many at the same time. */
  sharedMemory(bytes: number): Shared;
  /** In this thread. */
  readonly here: Summing<Shared>;
  /** In other threads. */
  readonly threads: readonly Summing<Shared>[];
  /** The address of an array over a long vector, whose memory does not move while the array is held. */
  addressOf(array: HostVector): bigint;
  /** Bytes of a vector that other threads sum, in pieces of a quarter of that to four times as many. */
  readonly longBytes?: number;
}

/**
 * Means of vectors in a room, one after another.
 *
 * @param room bytes of the longest vector that has room
 */
export type Summing<Shared> = (memory: Shared, room: number) => Mean;

type Mean = (task: Task) => Promise<void>;

/** Bytes of vectors that threads of their own sum: it takes them some 0.1 ms to begin and to tell that they are done. */
const LONG_BYTES = 2 ** 20;

/** Bytes of a line of the cache: no two ranks' counters share one. */
const LINE = 64;

/** Looks at the others' counters before the core is given away: some 50 µs, as long as ranks in step differ. */
const LOOKS = 1000;

export function sharedMean<Shared>({
  size,
  sharedMemory,
  here,
  threads,
  addressOf,
  longBytes = LONG_BYTES,
}: Neighbours<Shared>): Ranks['mean'] {
  const rooms: Room[] = [];
  const held = new Set<readonly HostVector[]>();
  let pieces = 0;
  const meanAt = (at: number, task: Task): Promise<void> => {
    // All ranks find out here, call by call, that they need more room: they have to ask for it in the same order.
    if ((rooms[at]?.bytes ?? 0) < task.bytes) {
      const bytes = Math.ceil(task.bytes / LINE) * LINE;
      rooms[at] = { bytes, mean: (threads[at] ?? here)(sharedMemory(size * (LINE + bytes)), bytes) };
    }
    return rooms[at]!.mean(task);
  };
  return async (vector, count, place) => {
    const { bytes } = vector;
    if (bytes < longBytes) {
      const [from, into] = [vector.array(), place.array()];
      await meanAt(threads.length, { vector: from, into, bytes, numbers: numbersOf(from), count });
      return;
    }
    const arrays = [vector.array(1), place.array(1)] as const;
    // So that the garbage collector leaves their memory alone until no thread uses it, even if one of them has failed.
    held.add(arrays);
    const [from, into] = [addressOf(arrays[0]), addressOf(arrays[1])];
    const numbers = numbersOf(arrays[0]);
    const length = pieceLength(bytes, threads.length, longBytes);
    const means: Promise<void>[] = [];
    for (let begin = 0; begin < bytes; begin += length) {
      const piece = {
        vector: from + BigInt(begin),
        into: into + BigInt(begin),
        bytes: Math.min(length, bytes - begin),
      };
      means.push(meanAt(pieces++ % threads.length, { ...piece, numbers, count }));
    }
    void Promise.allSettled(means).then(() => held.delete(arrays));
    await Promise.all(means);
  };
}

/** Bytes of the pieces of a long vector, whole lines: a piece for each thread, within limits. */
function pieceLength(bytes: number, threads: number, longBytes: number): number {
  const length = Math.min(Math.max(bytes / threads, longBytes / 4), 4 * longBytes);
  return Math.ceil(length / LINE) * LINE;
}

interface Room {
  /** Bytes of the longest vector that has room. */
  readonly bytes: number;
  readonly mean: Mean;
}

/** Memory, by an array or by its address. */
export type Memory = HostVector | bigint;

/** Operations on vectors of one type and length. */
export interface VectorWork {
  copy(into: Memory, from: Memory, bytes: number): void;
  /** Adds the second to the first. */
  add(into: FloatVector, other: FloatVector): void;
  scale(vector: FloatVector, factor: number): void;
}

/** A rank, with what its means are made of. */
export interface Summer extends VectorWork {
  readonly rank: number;
  readonly size: number;
  /** Lets other processes have the core. */
  yieldCore(): void;
}

/** A vector, and where its mean goes. */
export interface Task {
  readonly vector: Memory;
  readonly into: Memory;
  /** Bytes of both. */
  readonly bytes: number;
  readonly numbers: Numbers;
  /** Divides the sum; a power of two. */
  readonly count: number;
}

function areWords(vectors: readonly HostVector[]): vectors is readonly Int32Array[] {
  return vectors[0] instanceof Int32Array;
}

/** Floats that are summed and scaled at a time: few enough for the cache of a core. */
const CHUNK = 2 ** 16;

/** Means in memory that has room for a vector of so many bytes of each rank, behind a counter for each; in their order. */
export function meansIn(memory: ArrayBuffer, room: number, { rank, size, yieldCore, copy, add, scale }: Summer): Mean {
  const counters = new Int32Array(memory, 0, (size * LINE) / 4);
  const counterOf = (of: number): number => (of * LINE) / 4;
  let done = 0;
  /** Tells the others that this rank is done with what it had to do. */
  const isDone = (): void => {
    Atomics.store(counters, counterOf(rank), ++done);
  };
  const areDone = (): boolean => {
    for (let of = 0; of < size; of++) if (Atomics.load(counters, counterOf(of)) < done) return false;
    return true;
  };
  /** Waits until all ranks have come as far as this one. */
  const everyone = async (): Promise<void> => {
    for (let looks = 1; !areDone(); looks++) {
      if (looks % LOOKS > 0) continue;
      yieldCore();
      await yieldToEventLoop();
    }
  };
  let ofPairs: ReturnType<typeof roundedMean> | null = null;
  /** Makes the first of the vectors their mean, by the tree of `TreeSum`. */
  const average = (vectors: readonly HostVector[], factor: number): void => {
    if (areWords(vectors)) {
      ofPairs ??= roundedMean(size);
      ofPairs(vectors, factor);
      return;
    }
    const { length } = vectors[0]!;
    for (let from = 0; from < length; from += CHUNK) {
      const parts = vectors.map((each) => each.subarray(from, Math.min(from + CHUNK, length)) as FloatVector);
      for (let apart = 1; apart < size; apart *= 2) {
        for (let at = 0; at < size; at += 2 * apart) add(parts[at]!, parts[at + apart]!);
      }
      scale(parts[0]!, factor);
    }
  };
  const mean = async ({ vector, into, bytes, numbers, count }: Task): Promise<void> => {
    const Vector = arraysOf[numbers];
    const elements = bytes / Vector.BYTES_PER_ELEMENT;
    const vectors = Array.from({ length: size }, (_, of) => new Vector(memory, size * LINE + of * room, elements));
    await everyone();
    copy(vectors[rank]!, vector, bytes);
    isDone();
    await everyone();
    const length = Math.ceil(elements / size);
    // Nobody else reads this part of any vector until it is the mean.
    const own = vectors.map((each) => each.subarray(rank * length, (rank + 1) * length));
    average(own, 1 / count);
    isDone();
    await everyone();
    copy(into, vectors[0]!, bytes);
    isDone();
  };
  let last = Promise.resolve();
  return (task) => {
    last = last.then(() => mean(task));
    return last;
  };
}

/** Means in this thread, in memory that `view` makes an array of. */
export function summingHere<Shared>(view: (memory: Shared) => ArrayBuffer, summer: Summer): Summing<Shared> {
  return (memory, room) => meansIn(view(memory), room, summer);
}
