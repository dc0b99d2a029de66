/**
 * A training step, shard by shard.
 *
 * A batch of S shards is S batches of the plan. Each goes forward and backward separately (phase `gradient`),
 * normalised by its own moments, from the same parameters and the same running moments. The S results are summed by one
 * binary tree (`treeSum.ts`) and divided by S, which is exact, since S is a power of two. One update follows from the
 * mean (phase `update`). So a batch needs the memory of a shard only, and the bits do not depend on which rank computes
 * which shard.
 *
 * Gradients may be rounded to bfloat16: those of each shard, and their mean; the sum in between is one of float32. This
 * is a part of the experiment, whoever computes which shard. Ranks with one shard each exchange half as many bytes then.
 */

import type { HostFloats, Program, StoragePart, Transfers } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import type { BatchFeed } from './batchFeed.js';
import { rounded } from './bfloat16.js';
import { hostFloats } from './hostFloats.js';
import { hostTransfers } from './hostTransfers.js';
import { isTrueOfAny, type Ranks } from './ranks.js';
import { faultOf } from './step.js';
import { stepParts } from './stepParts.js';
import type { TrainingProgram } from './trainingProgram.js';
import { type FloatVector, TreeSum } from './treeSum.js';

/** The results of a shard, in parts (`stepParts.ts`), and the way on which they get to the host and back. */
export interface ShardResults {
  readonly parts: readonly StoragePart[];
  readonly transfers: Transfers;
}

/** @param partLength numbers of a part at most */
export async function shardResults(
  program: Program,
  training: TrainingProgram,
  partLength?: number,
): Promise<ShardResults> {
  return {
    parts: stepParts(training, partLength),
    transfers: (await program.transfers?.()) ?? hostTransfers(program),
  };
}

/**
 * Trains a step shard by shard. Resolves to the error if an image cannot be decoded; the program is then as before the
 * step. Each rank computes its own shards and sends their results part by part, the first parts while the backward pass
 * of the last shard is still running.
 */
export async function shardedStep(
  program: Program,
  { plan, options: { shards = 1 } }: TrainingProgram,
  { parts, transfers }: ShardResults,
  feed: BatchFeed,
  batch: number,
  ranks: Ranks,
): Promise<Error | null> {
  const own = shards / ranks.size;
  // With one shard only, the rank asks whether all have their images before it changes anything.
  const restores = own > 1 && plan.storages.some(({ name }) => name === STORAGE.running);
  const running = restores ? await program.read(STORAGE.running) : null;
  const begin = (): void => {
    if (running) program.write(STORAGE.running, running);
  };
  const gradientParts = (): readonly Promise<HostFloats>[] => {
    const read = transfers.runReading('gradient', parts);
    reportedLater(read);
    return read;
  };
  const sums = parts.map(() => new TreeSum());
  let fault = await faultOf(feed, batch * own);
  for (let shard = 1; shard < own && !fault; shard++) {
    begin();
    // The memory that is read is overwritten when the next shard runs.
    for (const [at, read] of gradientParts().entries()) {
      const vector = (await read).array();
      sums[at]!.add(vector instanceof Int32Array ? vector : vector.slice());
    }
    fault = await faultOf(feed, batch * own + shard);
  }
  begin();
  if (await isTrueOfAny(ranks, fault !== null)) return fault ?? new Error('another rank lacks images');
  /** Sums of rounded gradients are exchanged as float32, which they need until they are divided. */
  const roundedMean: Ranks['mean'] = async (total, count, into) => {
    await ranks.mean(total, count, total);
    rounded(total.array() as FloatVector, into.array() as Int32Array);
  };
  const means: Promise<unknown>[] = [];
  const inPlace: StoragePart[] = [];
  for (const [at, read] of gradientParts().entries()) {
    const part = parts[at]!;
    const last = await read;
    // What is in place by now, while a device still computes what is read next.
    transfers.write(inPlace.splice(0));
    const total = sumWith(sums[at]!, last);
    // Awaited here, since all ranks have to ask for means in the same order.
    const place = await transfers.place(part);
    const mean = part.isRounded && own > 1 ? roundedMean : ranks.mean;
    means.push(mean(total, shards, place).then(() => inPlace.push(part)));
    reportedLater(means);
  }
  await Promise.all(means);
  await transfers.writeAndRun(inPlace, 'update');
  return null;
}

/** The sum of what a rank has summed so far and the last of its vectors, which is left as it is if it is the only one. */
function sumWith(sum: TreeSum, last: HostFloats): HostFloats {
  if (sum.isEmpty) return last;
  sum.add(last.array());
  return hostFloats(sum.total);
}

/** Marks promises that are awaited later, when the first of them that has failed says so. */
function reportedLater(promises: readonly Promise<unknown>[]): void {
  for (const promise of promises) promise.catch(() => {});
}
