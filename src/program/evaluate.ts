/** Error and loss of the present parameters on the evaluation images. */

import type { BatchTable } from '../data/batches.js';
import type { Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { METRICS, METRICS_LENGTH } from '../ops/attributes.js';
import type { BatchFeed } from './batchFeed.js';

export interface Evaluation {
  /** Fraction of wrong predictions. */
  readonly error: number;
  /** Mean cross-entropy. */
  readonly loss: number;
}

/** One of the sets of evaluation images. */
export interface EvaluationSet {
  readonly count: number;
  /** The feed's images that are in it, in batches. */
  readonly table: BatchTable;
  readonly feed: BatchFeed;
}

/** Every image of the set once; `afterBatch` waits for each batch. Rejects if an image cannot be decoded. */
export async function evaluate(
  program: Program,
  { count, table, feed }: EvaluationSet,
  afterBatch?: (batch: number) => Promise<void>,
): Promise<Evaluation> {
  feed.begin(table);
  program.write(STORAGE.evaluationMetrics, new Float64Array(METRICS_LENGTH));
  for (let batch = 0; batch < table.batches; batch++) {
    await feed.use(batch);
    await program.run('evaluate');
    await afterBatch?.(batch);
  }
  const metrics = await program.read(STORAGE.evaluationMetrics);
  return {
    error: metrics[METRICS.wrong]! / count,
    // Each batch reports its sum over the batch size, padded entries counting nothing.
    loss: (metrics[METRICS.loss1]! * table.batchSize) / count,
  };
}
