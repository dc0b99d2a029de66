/** A thread that sums long vectors with those of the other ranks, see `meanThread.ts`. */

import { on } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import type { Order } from './meanThread.js';
import { openSummer } from './openMpi.js';
import { meansIn } from './sharedMean.js';

const summer = openSummer(koffi, workerData);
let mean: ReturnType<typeof meansIn> | null = null;
for await (const [order] of on(parentPort!, 'message') as AsyncIterable<[Order]>) {
  if ('memory' in order) {
    const { memory, room } = order;
    mean = meansIn(koffi.view(memory.address, memory.bytes), room, summer);
  } else {
    await mean!(order);
    parentPort!.postMessage(null);
  }
}
