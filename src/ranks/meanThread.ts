/** Threads that sum long vectors with those of the other ranks: the side of the thread that asks them. */

import { Worker } from 'node:worker_threads';
import { threadAnswers } from '../threadAnswers.js';
import type { SharedMemory } from './openMpi.js';
import type { Summing, Task } from './sharedMean.js';

/** A message to a thread: the memory for vectors of so many bytes from now on, or a mean, which it answers. */
export type Order = { readonly memory: SharedMemory; readonly room: number } | Task;

export function meanThread(workerData: { readonly rank: number; readonly size: number }): Summing<SharedMemory> {
  const { open, ask, answer, end } = threadAnswers<void>();
  const start = (): Worker => {
    const thread = new Worker(new URL('./meanWorker.js', import.meta.url), { workerData });
    thread.on('message', () => {
      answer();
      if (open() === 0) thread.unref();
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
    return (task) =>
      ask(() => {
        thread!.ref();
        tell(task);
      });
  };
}
