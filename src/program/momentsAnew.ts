/**
 * Re-estimation of batch normalisation's running moments. Those left by training are an average over its last steps,
 * each with other parameters. If bits have just been taken, or quantized weights oscillate, they do not fit the network
 * that is evaluated. Here the parameters are fixed, and the moments become the mean over batches.
 */

import type { Program } from '../engine/engine.js';
import { averageStorages, STORAGE } from '../nn/index.js';
import type { BatchFeed } from './batchFeed.js';
import { isTrueOfAny, type Ranks } from './ranks.js';
import { faultOf } from './step.js';
import type { TrainingProgram } from './trainingProgram.js';
import { type FloatVector, TreeSum } from './treeSum.js';

/**
 * Measures the moments on the first batches of the feed, each in its shards, of which every rank takes its own; if
 * averages are evaluated, the network uses them. Rejects in all ranks if an image cannot be decoded; another call then
 * gives the same result.
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
    await ranks.mean(ofShards.total, shards, (mean) => {
      for (let i = 0; i < sums.length; i++) sums[i]! += mean[i]! / batches;
    });
  }
  program.write(storage, sums);
}
