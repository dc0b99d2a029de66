/** Threads that sum long vectors with those of the other ranks: the side of the thread that asks them. */

import { Worker } from 'node:worker_threads';
import type { FloatVector } from '../program/treeSum.js';
import type { SharedMemory } from './openMpi.js';
import type { Summing } from './sharedMean.js';

/** What a thread is told: where it has room from now on, or to take a mean there. It answers each mean when it is done. */
export type Order =
  | { readonly memory: SharedMemory; readonly bytes: number }
  | {
      readonly vector: bigint;
      readonly into: bigint;
      /** Bytes of both. */
      readonly bytes: number;
      readonly isDouble: boolean;
      readonly count: number;
    };

interface Job {
  /** Held until they are summed, so that the garbage collector leaves their memory alone. */
  readonly vectors: readonly FloatVector[];
  resolve(): void;
  reject(error: Error): void;
}

/** @param addressOf the address of the memory of a long vector, which does not move */
export function meanThread(
  workerData: { readonly rank: number; readonly size: number },
  addressOf: (vector: FloatVector) => bigint,
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
  return (memory, bytes) => {
    tell({ memory, bytes });
    return (vector, count, into) =>
      new Promise((resolve, reject) => {
        if (fault) {
          reject(fault);
          return;
        }
        jobs.push({ vectors: [vector, into], resolve, reject });
        thread!.ref();
        tell({
          vector: addressOf(vector),
          into: addressOf(into),
          bytes: vector.byteLength,
          isDouble: vector instanceof Float64Array,
          count,
        });
      });
  };
}
