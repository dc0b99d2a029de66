/**
 * A training step, shard by shard.
 *
 * A batch of S shards is S batches of the plan. Each goes forward and backward separately (phase `gradient`),
 * normalised by its own moments, from the same parameters and the same running moments. The S results are summed by one
 * binary tree (`treeSum.ts`) and divided by S, which is exact, since S is a power of two. One update follows from the
 * mean (phase `update`). So a batch needs the memory of a shard only, and the bits do not depend on which rank computes
 * which shard.
 */

import type { HostFloats, Program, StoragePart, Upload } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import type { BatchFeed } from './batchFeed.js';
import { hostFloats } from './hostFloats.js';
import { isTrueOfAny, type Ranks } from './ranks.js';
import { faultOf } from './step.js';
import type { TrainingProgram } from './trainingProgram.js';
import { type FloatVector, TreeSum } from './treeSum.js';

/**
 * Trains a step shard by shard. Resolves to the error if an image cannot be decoded; the program is then as before the
 * step. Each rank computes its own shards and sends their results part by part, the first parts while the backward pass
 * of the last shard is still running.
 *
 * @param parts the results of a shard, see `stepParts`
 */
export async function shardedStep(
  program: Program,
  { plan, options: { shards = 1 } }: TrainingProgram,
  parts: readonly StoragePart[],
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
  const sums = parts.map(() => new TreeSum());
  let fault = await faultOf(feed, batch * own);
  for (let shard = 1; shard < own && !fault; shard++) {
    begin();
    // The memory that is read is overwritten when the next shard runs.
    for (const [at, part] of gradientParts(program, parts).entries()) sums[at]!.add((await part).array().slice());
    fault = await faultOf(feed, batch * own + shard);
  }
  begin();
  if (await isTrueOfAny(ranks, fault !== null)) return fault ?? new Error('another rank lacks images');
  const written: Promise<void>[] = [];
  for (const [at, part] of gradientParts(program, parts).entries()) {
    const total = sumWith(sums[at]!, await part);
    const upload = program.upload?.(parts[at]!) ?? uploadOf(program, parts[at]!, total);
    // Awaited here, since all ranks have to ask for means in the same order.
    const values = await upload.values;
    written.push(ranks.mean(total, shards, values).then(upload.write));
    reportedLater(written);
  }
  await Promise.all(written);
  await program.run('update');
  return null;
}

/** The sum of what a rank has summed so far and the last of its vectors, which is left as it is if it is the only one. */
function sumWith(sum: TreeSum, last: HostFloats): HostFloats {
  if (sum.isEmpty) return last;
  sum.add(last.array());
  return hostFloats(sum.total);
}

/** Runs the phase `gradient`; each part resolves as soon as it is written. */
function gradientParts(program: Program, parts: readonly StoragePart[]): readonly Promise<HostFloats>[] {
  const read = program.runReading?.('gradient', parts) ?? readBehind(program, program.run('gradient'), parts);
  reportedLater(read);
  return read;
}

/** Marks promises that are awaited later, when the first of them that has failed says so. */
function reportedLater(promises: readonly Promise<unknown>[]): void {
  for (const promise of promises) promise.catch(() => {});
}

function readBehind(program: Program, run: Promise<void>, parts: readonly StoragePart[]): Promise<HostFloats>[] {
  return parts.map(async (part) => {
    await run;
    const values = part.map(({ storage, offset, length }) => program.read(storage, offset, length));
    return hostFloats(joined((await Promise.all(values)) as FloatVector[]));
  });
}

/** Concatenates vectors. */
function joined(vectors: readonly FloatVector[]): FloatVector {
  const [first] = vectors;
  if (vectors.length === 1) return first!;
  const length = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const together = first instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
  let offset = 0;
  for (const vector of vectors) {
    together.set(vector, offset);
    offset += vector.length;
  }
  return together;
}

/** A write of a part from values that are in memory of one's own. */
function uploadOf(program: Program, part: StoragePart, floats: HostFloats): Upload {
  const values = floats.array();
  const write = (): void => {
    let begin = 0;
    for (const { storage, offset, length } of part) {
      program.write(storage, values.subarray(begin, begin + length), offset);
      begin += length;
    }
  };
  return { values: Promise.resolve(hostFloats(values)), write };
}
