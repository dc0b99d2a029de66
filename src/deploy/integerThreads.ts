/**
 * The integer network on several threads, each of which takes blocks of images. The threads' blocks depend on timing;
 * the results do not, and are in the order of the images.
 */

import { Worker } from 'node:worker_threads';
import type { InputArray } from '../data/imageSet.js';
import { yieldToEventLoop } from '../eventLoop.js';
import { load } from '../runtime/index.js';
import { threadAnswers } from '../threadAnswers.js';
import { logitsOfImages } from './logitsOfImages.js';

/** Images, one after another, and their integer logits. */
export interface DoneBlock {
  readonly block: InputArray;
  readonly logits: Float64Array;
}

/** Blocks that a thread is given ahead of the awaited one, so that none is idle. */
const blocksAhead = 3;

/**
 * Computes blocks of images by a packed network.
 *
 * @param blocks may be overwritten once the next one is requested
 * @param threads workers; 1 for this thread, which yields to the event loop before each block
 */
export async function* logitsInOrder(
  packed: Uint8Array,
  blocks: AsyncIterable<InputArray>,
  threads: number,
): AsyncGenerator<DoneBlock> {
  const lanes = threads === 1 ? [await thisThread(packed)] : Array.from({ length: threads }, () => worker(packed));
  const pending: Promise<DoneBlock>[] = [];
  try {
    for await (const shown of blocks) {
      const block = shown.slice();
      const lane = lanes.reduce((idlest, each) => (each.waiting() < idlest.waiting() ? each : idlest));
      const done = lane.logits(block).then((logits) => ({ block, logits }));
      // It may fail before it is awaited, or never be awaited.
      done.catch(() => undefined);
      if (pending.push(done) > blocksAhead * threads) yield await pending.shift()!;
    }
    for (const done of pending) yield await done;
  } finally {
    await Promise.all(lanes.map(({ close }) => close()));
  }
}

interface Lane {
  /** Number of blocks that it has not finished yet. */
  waiting(): number;
  logits(block: InputArray): Promise<Float64Array>;
  close(): Promise<void>;
}

async function thisThread(packed: Uint8Array): Promise<Lane> {
  const network = await load(packed);
  return {
    waiting: () => 0,
    logits: async (block) => {
      await yieldToEventLoop();
      return logitsOfImages(network, block);
    },
    close: async () => {},
  };
}

function worker(packed: Uint8Array): Lane {
  const thread = new Worker(new URL('./integerWorker.js', import.meta.url), { workerData: packed });
  const { open, ask, answer, end } = threadAnswers<Float64Array>();
  thread.on('message', answer);
  thread.on('error', end);
  thread.on('exit', (code) => end(new Error(`a thread of the integer network ended with code ${code}`)));
  return {
    waiting: open,
    logits: (block) => ask(() => thread.postMessage(block)),
    close: async () => {
      await thread.terminate();
    },
  };
}
