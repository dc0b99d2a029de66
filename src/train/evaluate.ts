/** Error and loss of the present parameters on the evaluation images. */

import { evaluationBatches } from '../data/batches.js';
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

/** Every image of the feed once. Rejects if one cannot be decoded. */
export async function evaluate(program: Program, feed: BatchFeed, batchSize: number): Promise<Evaluation> {
  const table = evaluationBatches(feed.count, batchSize);
  feed.begin(table);
  program.write(STORAGE.evaluationMetrics, new Float64Array(METRICS_LENGTH));
  for (let batch = 0; batch < table.batches; batch++) {
    await feed.use(batch);
    await program.run('evaluate');
  }
  const metrics = await program.read(STORAGE.evaluationMetrics);
  return {
    error: metrics[METRICS.wrong]! / feed.count,
    // Each batch reports its sum over the batch size, padded entries counting nothing.
    loss: (metrics[METRICS.loss1]! * batchSize) / feed.count,
  };
}
