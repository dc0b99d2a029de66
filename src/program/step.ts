/**
 * One step of training, as one run of the phase `train`, or shard by shard.
 *
 * A batch of S shards is S batches of the plan. Each goes forward and backward by itself (phase `gradient`), normalised by
 * its own moments, from the same parameters and the same running moments; what the S of them leave is summed by one
 * binary tree (`treeSum.ts`) and divided by S, which is exact, since S is a power of two; from the mean follows one update
 * (phase `update`). So a batch needs the memory of a shard only, and the bits do not depend on who computes which shard.
 */

import type { BatchTable } from '../data/batches.js';
import type { Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import type { BatchFeed } from './batchFeed.js';
import { isTrueOfAny, type Ranks } from './ranks.js';
import type { TrainingProgram } from './trainingProgram.js';
import { type FloatVector, treeSum } from './treeSum.js';

/** What a shard leaves. Of the batch statistics only whether they are finite is asked afterwards. */
const left = [STORAGE.gradients, STORAGE.quantizerSums, STORAGE.running, STORAGE.loss, STORAGE.statistics];

/** Resolves to the fault where an image cannot be decoded. */
export async function wholeStep(program: Program, feed: BatchFeed, batch: number): Promise<Error | null> {
  try {
    await feed.use(batch);
  } catch (fault) {
    return fault as Error;
  }
  await program.run('train');
  return null;
}

/** Likewise; the program is then as it was before the step. Of several ranks each takes the shards that are its own. */
export async function shardedStep(
  program: Program,
  { plan, options: { shards = 1 } }: TrainingProgram,
  feed: BatchFeed,
  batch: number,
  ranks: Ranks,
): Promise<Error | null> {
  const storages = plan.storages.filter(({ name }) => left.some((each) => each === name));
  const hasRunning = storages.some(({ name }) => name === STORAGE.running);
  const running = hasRunning ? await program.read(STORAGE.running) : null;
  const begin = (): void => {
    if (running) program.write(STORAGE.running, running);
  };
  const own = shards / ranks.size;
  const sum = await treeSum(own, async (shard) => {
    try {
      await feed.use(batch * own + shard);
    } catch (error) {
      throw new FeedFault(error as Error);
    }
    begin();
    await program.run('gradient');
    return readTogether(program, storages);
  }).catch((error) => {
    if (!(error instanceof FeedFault)) throw error;
    return error;
  });
  const isFault = sum instanceof FeedFault;
  if ((await isTrueOfAny(ranks, isFault)) || isFault) {
    begin();
    return isFault ? sum.fault : new Error('another rank lacks images');
  }
  const total = await ranks.sum(sum);
  writeApart(
    program,
    storages,
    total.map((value) => value / shards),
  );
  await program.run('update');
  return null;
}

/** The batches of a table in pieces of `batchSize` images, as many a batch as this rank has shards of it. */
export function ownShards(table: BatchTable, batchSize: number, { rank, size }: Ranks): BatchTable {
  const own = table.batchSize / size;
  const batches = (table.batches * own) / batchSize;
  const parts = (entries: Int32Array, width: number): Int32Array => {
    if (size === 1) return entries;
    const places = new Int32Array(entries.length / size);
    for (let batch = 0; batch < table.batches; batch++) {
      const begin = (batch * table.batchSize + rank * own) * width;
      places.set(entries.subarray(begin, begin + own * width), batch * own * width);
    }
    return places;
  };
  const { entries, crops } = table;
  return { batches, batchSize, entries: parts(entries, 2), ...(crops && { crops: parts(crops, 4) }) };
}

class FeedFault extends Error {
  constructor(readonly fault: Error) {
    super(fault.message);
  }
}

/** The values of several storages of floats, one behind the other. */
async function readTogether(
  program: Program,
  storages: readonly { readonly name: string; readonly length: number }[],
): Promise<FloatVector> {
  const parts = await Promise.all(storages.map(({ name }) => program.read(name) as Promise<FloatVector>));
  const length = storages.reduce((sum, storage) => sum + storage.length, 0);
  const together = parts[0] instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
  let offset = 0;
  for (const part of parts) {
    together.set(part, offset);
    offset += part.length;
  }
  return together;
}

function writeApart(
  program: Program,
  storages: readonly { readonly name: string; readonly length: number }[],
  together: FloatVector,
): void {
  let offset = 0;
  for (const { name, length } of storages) {
    program.write(name, together.subarray(offset, offset + length));
    offset += length;
  }
}
