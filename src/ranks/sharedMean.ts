/**
 * Means over ranks of one machine, by memory that all of them see. Each copies its vector there, sums one part of all of
 * them in place, and copies the whole when all have done so: messages would copy each vector several times more.
 *
 * Several means are under way at once, each in a room of its own, and threads of a pool copy and sum large vectors: this
 * one is left to a GPU, to signals, and to looking whether the others have come.
 */

import { yieldToEventLoop } from '../eventLoop.js';
import type { Ranks } from '../program/ranks.js';
import type { FloatVector } from '../program/treeSum.js';

/** Ranks of one machine. */
export interface Neighbours extends VectorWork {
  readonly rank: number;
  readonly size: number;
  /** Bytes that all ranks see, zero at first; all of them ask for equally many at the same time. */
  sharedMemory(bytes: number): ArrayBuffer;
  /** Lets other processes have the core. */
  yieldCore(): void;
}

/** Work on vectors of one type and length, beside the event loop. They are left alone until it is done. */
export interface VectorWork {
  copy(into: FloatVector, from: FloatVector): Promise<void>;
  /** Adds the second to the first. */
  add(into: FloatVector, other: FloatVector): Promise<void>;
  scale(vector: FloatVector, factor: number): Promise<void>;
}

/** Means under way: one comes, one is summed, one goes. */
const ROOMS = 3;

/** Bytes of a line of the cache: no two ranks' counters share one. */
const LINE = 64;

/** Looks at the others' counters before the core is given away: some microseconds, as long as ranks in step differ. */
const LOOKS = 200;

export function sharedMean(neighbours: Neighbours): Ranks['mean'] {
  const rooms: Room[] = [];
  let calls = 0;
  return (vector, count, into) => {
    const at = calls++ % ROOMS;
    const room = rooms[at];
    // All ranks find out here, call by call, that they need more room: they have to ask for it in the same order.
    if (!room || room.bytes < vector.byteLength) rooms[at] = roomFor(neighbours, vector.byteLength);
    return rooms[at]!.mean(vector, count, into);
  };
}

interface Room {
  /** Bytes of the largest vector that has room. */
  readonly bytes: number;
  /** Begins when the mean before it has been copied. */
  readonly mean: Ranks['mean'];
}

/** Room for a vector of each rank, behind a counter for each. */
function roomFor({ rank, size, sharedMemory, yieldCore, copy, add, scale }: Neighbours, least: number): Room {
  const bytes = Math.ceil(least / LINE) * LINE;
  const memory = sharedMemory(size * (LINE + bytes));
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
  const mean: Ranks['mean'] = async (vector, count, into) => {
    const Floats = vector instanceof Float64Array ? Float64Array : Float32Array;
    const vectors = Array.from(
      { length: size },
      (_, of) => new Floats(memory, size * LINE + of * bytes, vector.length),
    );
    const length = Math.ceil(vector.length / size);
    const parts = vectors.map((each) => each.subarray(rank * length, (rank + 1) * length));
    await everyone();
    await copy(vectors[rank]!, vector);
    isDone();
    await everyone();
    // The tree of `TreeSum`. Nobody else reads this part of any vector until it is the mean.
    for (let apart = 1; apart < size; apart *= 2) {
      for (let at = 0; at < size; at += 2 * apart) await add(parts[at]!, parts[at + apart]!);
    }
    await scale(parts[0]!, 1 / count);
    isDone();
    await everyone();
    await copy(into, vectors[0]!);
    isDone();
  };
  let last = Promise.resolve();
  return {
    bytes,
    mean: (vector, count, into) => {
      last = last.then(() => mean(vector, count, into));
      return last;
    },
  };
}
