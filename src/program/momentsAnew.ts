/**
 * Running moments of batch normalisation measured anew. Those that training leaves are an average over its last steps, of
 * networks that were others each time: where bits have just been taken, or codes of weights jump to and fro, they do not fit
 * the network that is evaluated. Here the parameters stand still, and the moments become the mean over batches.
 */

import type { Program } from '../engine/engine.js';
import { averageStorages, STORAGE } from '../nn/index.js';
import type { BatchFeed } from './batchFeed.js';
import { isTrueOfAny, type Ranks } from './ranks.js';
import { faultOf } from './step.js';
import type { TrainingProgram } from './trainingProgram.js';
import { type FloatVector, TreeSum } from './treeSum.js';

/**
 * Measures them on the first batches of the feed, each in its shards, of which every rank takes its own; where averages are
 * evaluated, theirs. Rejects in all ranks if an image cannot be decoded; a second call then gives what the first would have.
 */
export async function measureMoments(
  program: Program,
  { options: { shards = 1, movingAverages } }: TrainingProgram,
  feed: BatchFeed,
  batches: number,
  ranks: Ranks,
): Promise<void> {
  const storage = movingAverages ? averageStorages.get(STORAGE.running)! : STORAGE.running;
  const own = shards / ranks.size;
  const sums = new Float64Array((await program.read(storage)).length);
  for (let batch = 0; batch < batches; batch++) {
    const ofShards = new TreeSum();
    let fault: Error | null = null;
    for (let shard = batch * own; shard < (batch + 1) * own; shard++) {
      fault = await faultOf(feed, shard);
      if (fault) break;
      await program.run('moments');
      ofShards.add((await program.read(storage)) as FloatVector);
    }
    if (await isTrueOfAny(ranks, fault !== null)) throw fault ?? new Error('another rank lacks images');
    const mean = await ranks.mean(ofShards.total, shards);
    for (let i = 0; i < sums.length; i++) sums[i]! += mean[i]! / batches;
  }
  program.write(storage, sums);
}
