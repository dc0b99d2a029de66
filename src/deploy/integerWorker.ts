/** A thread of `integerThreads.ts`: opens a packed network, and answers blocks of images with logits. */

import { parentPort, workerData } from 'node:worker_threads';
import type { InputArray } from '../data/imageSet.js';
import { load } from '../runtime/index.js';
import { logitsOfImages } from './logitsOfImages.js';

const network = await load(workerData as Uint8Array);
parentPort!.on('message', (block: InputArray) => {
  const logits = logitsOfImages(network, block);
  parentPort!.postMessage(logits, [logits.buffer]);
});
