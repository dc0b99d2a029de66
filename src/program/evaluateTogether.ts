/** Evaluation by several ranks. */

import type { Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { type Evaluation, type EvaluationSet, evaluate, evaluationOf } from './evaluate.js';
import { isTrueOfAny, type Ranks } from './ranks.js';

/**
 * Evaluates the set by several ranks, each of which takes some of the batches. The results of batches are summed in the
 * order of the batches, as an engine does, which gives the bits of a single rank. Rejects in all ranks if one lacks an
 * image.
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
  // In the engine's float type, for its rounding.
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
