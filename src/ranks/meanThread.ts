/** Threads that sum long vectors with those of the other ranks: the side of the thread that asks them. */

import { Worker } from 'node:worker_threads';
import type { HostVector } from '../engine/engine.js';
import { numbersOf } from '../program/hostFloats.js';
import type { SharedMemory } from './openMpi.js';
import type { Summing, Task } from './sharedMean.js';

/** A message to a thread: the memory for vectors of so many bytes from now on, or a mean, which it answers. */
export type Order = { readonly memory: SharedMemory; readonly room: number } | Task;

interface Job {
  /** Held until they are summed, so that the garbage collector leaves their memory alone. */
  readonly arrays: readonly HostVector[];
  resolve(): void;
  reject(error: Error): void;
}

/** @param addressOf the address of the memory of a long vector, which does not move */
export function meanThread(
  workerData: { readonly rank: number; readonly size: number },
  addressOf: (vector: HostVector) => bigint,
): Summing<SharedMemory> {
  const jobs: Job[] = [];
  let fault: Error | null = null;
  const end = (error: Error): void => {
    fault ??= error;
    for (const { reject } of jobs.splice(0)) reject(fault);
  };
  const start = (): Worker => {
    const thread = new Worker(new URL('./meanWorker.js', import.meta.url), { workerData });
    thread.on('message', () => {
      jobs.shift()!.resolve();
      if (jobs.length === 0) thread.unref();
    });
    thread.on('error', end);
    thread.on('exit', (code) => end(new Error(`a thread that sums vectors ended with code ${code}`)));
    return thread;
  };
  let thread: Worker | null = null;
  const tell = (order: Order): void => {
    thread ??= start();
    thread.postMessage(order);
  };
  return (memory, room) => {
    tell({ memory, room });
    return (vector, count, into) =>
      new Promise((resolve, reject) => {
        if (fault) {
          reject(fault);
          return;
        }
        const arrays = [vector.array(1), into.array(1)] as const;
        const [from, to] = arrays;
        jobs.push({ arrays, resolve, reject });
        thread!.ref();
        tell({ vector: addressOf(from), into: addressOf(to), bytes: vector.bytes, numbers: numbersOf(from), count });
      });
  };
}
