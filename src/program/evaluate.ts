/** Error, by the metric of the task, and loss of the present parameters on the evaluation images. */

import type { BatchTable } from '../data/batches.js';
import type { Program, StorageArray } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { METRICS, METRICS_LENGTH } from '../ops/attributes.js';
import type { BatchFeed } from './batchFeed.js';
import { isTrueOfAny, type Ranks } from './ranks.js';
import type { Score } from './score.js';

export interface Evaluation {
  /**
   * The error: of classes the fraction of wrong predictions, of other tasks what becomes small as the metric becomes
   * good: the mean squared error, 1 − AUC, 1 − mean IoU.
   */
  readonly error: number;
  /** Mean of the loss. */
  readonly loss: number;
}

/** One of the sets of evaluation images. */
export interface EvaluationSet {
  readonly count: number;
  /** The feed's images that are in it, in batches. */
  readonly table: BatchTable;
  readonly feed: BatchFeed;
  /** Makes the score of the set anew, where its metric needs the outputs; image 0 is the feed's `first`. */
  readonly score?: (() => Score) | null | undefined;
  readonly first?: number;
}

/** What is done meanwhile. */
interface EvaluationEvents {
  /** Is waited for behind each batch. */
  readonly afterBatch?: (batch: number) => Promise<void>;
  /** Takes the outputs of each image of the set, in their order. */
  readonly visit?: OutputsVisitor | undefined;
}

/** `image`: its number in the set. */
type OutputsVisitor = (outputs: StorageArray, image: number) => void;

/** Every image of the set once. Rejects if an image cannot be decoded. */
export async function evaluate(
  program: Program,
  { count, table, feed, score: begin, first = 0 }: EvaluationSet,
  { afterBatch, visit }: EvaluationEvents = {},
): Promise<Evaluation> {
  feed.begin(table);
  const score = begin?.();
  program.write(STORAGE.evaluationMetrics, new Float64Array(METRICS_LENGTH));
  for (let batch = 0; batch < table.batches; batch++) {
    await feed.use(batch);
    await program.run('evaluate');
    if (score || visit) {
      eachImage(await program.read(STORAGE.logits), table, batch, (outputs, image) => {
        score?.add(outputs, image - first);
        visit?.(outputs, image - first);
      });
    }
    await afterBatch?.(batch);
  }
  const metrics = await program.read(STORAGE.evaluationMetrics);
  const counted = evaluationOf(metrics[METRICS.wrong]!, metrics[METRICS.loss1]!, count, table.batchSize);
  return score ? { ...counted, error: score.error() } : counted;
}

function eachImage(outputs: StorageArray, table: BatchTable, batch: number, visit: OutputsVisitor): void {
  const { batchSize, entries } = table;
  const length = outputs.length / batchSize;
  for (let place = 0; place < batchSize; place++) {
    const image = entries[2 * (batch * batchSize + place)]!;
    if (image >= 0) visit(outputs.subarray(place * length, (place + 1) * length), image);
  }
}

/**
 * The same by several ranks, each of which takes a part of the batches. What every batch says is then summed in their order,
 * as an engine does, so that the bits are those of one rank. Rejects in all of them if one lacks an image.
 */
export async function evaluateTogether(
  program: Program,
  { count, table, feed }: EvaluationSet,
  ranks: Ranks,
): Promise<Evaluation> {
  const { rank, size } = ranks;
  const { batches, batchSize, entries } = table;
  const firstOf = (of: number): number => Math.floor((of * batches) / size);
  const [first, end] = [firstOf(rank), firstOf(rank + 1)];
  const part = {
    batchSize,
    batches: end - first,
    entries: entries.subarray(2 * batchSize * first, 2 * batchSize * end),
  };
  const own = new Float64Array(2 * Math.ceil(batches / size));
  let fault: Error | null = null;
  const afterBatch = async (batch: number) => {
    own.set(await program.read(STORAGE.loss), 2 * batch);
  };
  await evaluate(program, { count, table: part, feed }, { afterBatch }).catch((error: Error) => {
    fault = error;
  });
  if (await isTrueOfAny(ranks, fault !== null)) throw fault ?? new Error('another rank lacks images');
  const all = await ranks.gather(new Uint8Array(own.buffer));
  // Of the engine's own type, for its own rounding.
  const sums = (await program.read(STORAGE.evaluationMetrics)).fill(0);
  for (const [from, bytes] of all.entries()) {
    const losses = new Float64Array(bytes.slice().buffer);
    for (let batch = 0; batch < firstOf(from + 1) - firstOf(from); batch++) {
      sums[0]! += losses[2 * batch]!;
      sums[1]! += losses[2 * batch + 1]!;
    }
  }
  return evaluationOf(sums[1]!, sums[0]!, count, batchSize);
}

/** `loss`: sum over the batches, each of which reports its sum over the batch size, padded entries counting nothing. */
function evaluationOf(wrong: number, loss: number, count: number, batchSize: number): Evaluation {
  return { error: wrong / count, loss: (loss * batchSize) / count };
}
