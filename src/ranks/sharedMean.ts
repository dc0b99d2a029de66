/**
 * Means over ranks of one machine, by memory that all of them see. Each copies its vector there, sums one part of all of
 * them, and reads the whole from where all have left their parts: messages would copy each vector several times more.
 *
 * Ranks wait for each other in turns of the event loop, so that a GPU's read-backs and signals come through meanwhile.
 */

import { yieldToEventLoop } from '../eventLoop.js';
import type { Ranks } from '../program/ranks.js';
import { divide, type FloatVector, TreeSum } from '../program/treeSum.js';

/** Ranks of one machine. */
export interface Neighbours {
  readonly rank: number;
  readonly size: number;
  /** Bytes that all ranks see, zero at first; all of them ask for equally many at the same time. */
  sharedMemory(bytes: number): ArrayBuffer;
  /** Lets other processes have the core. */
  yieldCore(): void;
}

/** Bytes between two ranks' counters, so that none lies in another's cache line. */
const LINE = 64;

/** Looks at the others' counters before the core is given away: some microseconds, as long as ranks in step differ. */
const LOOKS = 200;

export function sharedMean(neighbours: Neighbours): Ranks['mean'] {
  const { rank, size } = neighbours;
  let room: Room | null = null;
  return async (vector, count) => {
    const length = Math.ceil(vector.length / size);
    const needed = length * size * vector.BYTES_PER_ELEMENT;
    if (room === null || room.bytes < needed) room = roomFor(neighbours, needed);
    const { floats, meet } = room;
    floats(vector, rank, 0, vector.length).set(vector);
    await meet();
    // Nobody else reads this part of any vector, so that it is summed where it lies.
    const tree = new TreeSum();
    for (let from = 0; from < size; from++) tree.add(floats(vector, from, rank * length, length));
    floats(vector, size, rank * length, length).set(divide(tree.total, count));
    await meet();
    return floats(vector, size, 0, vector.length);
  };
}

interface Room {
  /** Bytes of a vector. */
  readonly bytes: number;
  /** Floats of the type of `like`, in the vector of a rank, or behind all of those in that of the means. */
  floats(like: FloatVector, slot: number, offset: number, length: number): FloatVector;
  /** Waits until all ranks have come so far. */
  meet(): Promise<void>;
}

/** Room for a vector of each rank and for the means, behind a counter for each rank. */
function roomFor({ rank, size, sharedMemory, yieldCore }: Neighbours, bytes: number): Room {
  const memory = sharedMemory(size * LINE + (size + 1) * bytes);
  const counters = new Int32Array(memory, 0, (size * LINE) / 4);
  const counterOf = (of: number): number => (of * LINE) / 4;
  let met = 0;
  const areHere = (): boolean => {
    for (let of = 0; of < size; of++) if (Atomics.load(counters, counterOf(of)) < met) return false;
    return true;
  };
  return {
    bytes,
    floats: (like, slot, offset, length) => {
      const Floats = like instanceof Float64Array ? Float64Array : Float32Array;
      return new Floats(memory, size * LINE + slot * bytes + offset * Floats.BYTES_PER_ELEMENT, length);
    },
    meet: async () => {
      met++;
      Atomics.store(counters, counterOf(rank), met);
      for (let looks = 1; !areHere(); looks++) {
        if (looks % LOOKS > 0) continue;
        yieldCore();
        await yieldToEventLoop();
      }
    },
  };
}
