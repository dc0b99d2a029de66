/** Error and loss of the present parameters on the evaluation images that lie on the device. */

import type { Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { METRICS, METRICS_LENGTH } from '../ops/attributes.js';

export interface Evaluation {
  /** Fraction of wrong predictions. */
  readonly error: number;
  /** Mean cross-entropy. */
  readonly loss: number;
}

/** A part of the evaluation images: the batches in their table that have it, in `count` images. */
export interface EvaluationSet {
  readonly count: number;
  readonly firstBatch: number;
  readonly batches: number;
  readonly batchSize: number;
}

export async function evaluate(program: Program, set: EvaluationSet): Promise<Evaluation> {
  program.write(STORAGE.evaluationMetrics, new Float64Array(METRICS_LENGTH));
  for (let batch = 0; batch < set.batches; batch++) {
    program.write(STORAGE.position, [set.firstBatch + batch]);
    await program.run('evaluate');
  }
  const metrics = await program.read(STORAGE.evaluationMetrics);
  return {
    error: metrics[METRICS.wrong]! / set.count,
    // Each batch reports its sum over the batch size, padded entries counting nothing.
    loss: (metrics[METRICS.loss1]! * set.batchSize) / set.count,
  };
}
