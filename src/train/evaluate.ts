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

export async function evaluate(
  program: Program,
  images: { readonly count: number; readonly batches: number; readonly batchSize: number },
): Promise<Evaluation> {
  program.write(STORAGE.evaluationMetrics, new Float64Array(METRICS_LENGTH));
  for (let batch = 0; batch < images.batches; batch++) {
    program.write(STORAGE.position, [batch]);
    await program.run('evaluate');
  }
  const metrics = await program.read(STORAGE.evaluationMetrics);
  return {
    error: metrics[METRICS.wrong]! / images.count,
    // Each batch reports its sum over the batch size, padded entries counting nothing.
    loss: (metrics[METRICS.loss1]! * images.batchSize) / images.count,
  };
}
