/**
 * What is measured on the first batches of an epoch while all learned values stand still: the running moments of batch
 * normalisation, and the squares of gradients.
 *
 * Moments left by training are an average over its last steps, each with other parameters. If bits have just been taken,
 * or quantized weights oscillate, they do not fit the network that is evaluated. The gradients of a single step depend on
 * the few images of its batch.
 */

import type { Program } from '../engine/engine.js';
import { averageStorages, STORAGE } from '../nn/index.js';
import { CONTROL_LENGTH } from '../ops/attributes.js';
import type { BatchFeed } from './batchFeed.js';
import { hostFloats } from './hostFloats.js';
import { isTrueOfAny, type Ranks } from './ranks.js';
import { faultOf } from './step.js';
import type { TrainingProgram } from './trainingProgram.js';
import { type FloatVector, TreeSum } from './treeSum.js';

/**
 * Sets the running moments to their means over the first batches of the feed; if averages are evaluated, the network
 * uses them. Rejects in all ranks if an image cannot be decoded; another call then gives the same result.
 */
export async function measureMoments(
  program: Program,
  { options: { shards = 1, movingAverages } }: TrainingProgram,
  feed: BatchFeed,
  batches: number,
  ranks: Ranks,
): Promise<void> {
  const storage = movingAverages ? averageStorages.get(STORAGE.running)! : STORAGE.running;
  const after = async () => {
    await program.run('moments');
    return (await program.read(storage)) as FloatVector;
  };
  program.write(storage, await meanOverShards(after, shards, feed, batches, ranks));
}

/**
 * The squares of the parameters' gradients of the loss, without damping, their means over the shards of the first batches
 * of the feed. The running moments stay as they were. Rejects likewise.
 */
export async function measureGradients(
  program: Program,
  { plan, options: { shards = 1 } }: TrainingProgram,
  feed: BatchFeed,
  batches: number,
  ranks: Ranks,
): Promise<Float64Array> {
  const keeps = plan.storages.some(({ name }) => name === STORAGE.running);
  const running = keeps ? await program.read(STORAGE.running) : null;
  // Each step writes its own. The last one's would count damping, unless the run has been resumed since.
  program.write(STORAGE.control, new Float64Array(CONTROL_LENGTH));
  const after = async () => {
    await program.run('gradient');
    return squaresOf((await program.read(STORAGE.gradients)) as FloatVector);
  };
  try {
    return await meanOverShards(after, shards, feed, batches, ranks);
  } finally {
    if (running) program.write(STORAGE.running, running);
  }
}

/** The squares of the values. A loop, since `from` with a function takes ten times as long. */
export function squaresOf(values: FloatVector): Float64Array {
  const squares = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) squares[i] = values[i]! ** 2;
  return squares;
}

/** The mean of what `measure` resolves to on each shard of the first batches, of which every rank takes its own. */
async function meanOverShards(
  measure: () => Promise<FloatVector>,
  shards: number,
  feed: BatchFeed,
  batches: number,
  ranks: Ranks,
): Promise<Float64Array> {
  const own = shards / ranks.size;
  let sums: Float64Array | null = null;
  for (let batch = 0; batch < batches; batch++) {
    const ofShards = new TreeSum();
    let fault: Error | null = null;
    for (let shard = batch * own; shard < (batch + 1) * own; shard++) {
      fault = await faultOf(feed, shard);
      if (fault) break;
      ofShards.add(await measure());
    }
    if (await isTrueOfAny(ranks, fault !== null)) throw fault ?? new Error('another rank lacks images');
    const { total } = ofShards;
    sums ??= new Float64Array(total.length);
    await ranks.mean(hostFloats(total), shards, hostFloats(total));
    for (let i = 0; i < sums.length; i++) sums[i]! += total[i]! / batches;
  }
  return sums ?? new Float64Array(0);
}
