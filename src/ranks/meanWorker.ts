/** A thread that sums long vectors with those of the other ranks, see `meanThread.ts`. */

import { on } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import type { Ranks } from '../program/ranks.js';
import type { FloatVector } from '../program/treeSum.js';
import type { Order } from './meanThread.js';
import { openSummer } from './openMpi.js';
import { meansIn } from './sharedMean.js';

const summer = openSummer(koffi, workerData);
let mean: Ranks['mean'] | null = null;
for await (const [order] of on(parentPort!, 'message') as AsyncIterable<[Order]>) {
  if ('memory' in order) {
    const { memory, bytes } = order;
    mean = meansIn(koffi.view(memory.address, memory.bytes), bytes, summer);
    continue;
  }
  const { vector, into, bytes, isDouble, count } = order;
  const floats = (address: bigint): FloatVector => {
    const memory = koffi.view(address, bytes);
    return isDouble ? new Float64Array(memory) : new Float32Array(memory);
  };
  await mean!(floats(vector), count, floats(into));
  parentPort!.postMessage(null);
}
