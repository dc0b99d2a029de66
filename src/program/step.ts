/** A training step as one run of the phase `train`, and batches of images for whole and for sharded steps. */

import type { BatchTable } from '../data/batches.js';
import type { Program } from '../engine/engine.js';
import type { BatchFeed } from './batchFeed.js';
import type { Ranks } from './ranks.js';

/** Trains a whole step. Resolves to the error if an image cannot be decoded. */
export async function wholeStep(program: Program, feed: BatchFeed, batch: number): Promise<Error | null> {
  const fault = await faultOf(feed, batch);
  if (!fault) await program.run('train');
  return fault;
}

/** Feeds a batch to a phase. Resolves to the error if one of its images cannot be decoded. */
export async function faultOf(feed: BatchFeed, batch: number): Promise<Error | null> {
  try {
    await feed.use(batch);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** This rank's shards of a table's batches, as batches of `batchSize` images. */
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
