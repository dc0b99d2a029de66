/**
 * Feeds batches to a phase. Resident images are on the device, and a batch is a position in the table. Of streamed
 * images the device holds one batch, which is overwritten before each step. Since an engine's calls are ordered and
 * `write` copies, the host may still be some steps ahead of the device.
 */

import type { BatchTable } from '../data/batches.js';
import { type ImageSet, type InputArray, inputsOf } from '../data/imageSet.js';
import { type ImageStream, type Images, isStream, type ReadAhead, readAhead } from '../data/imageStream.js';
import type { Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';

export interface BatchFeed {
  /** Milliseconds that `use` has waited for images to be decoded, so far. */
  readonly waitMs: number;
  /** Prepares the batches of `table`, to be used in order from index `first`. */
  begin(table: BatchTable, first?: number): void;
  /** Makes `batch` the one that the next run of the phase uses. Rejects if one of its images cannot be decoded. */
  use(batch: number): Promise<void>;
}

/** The storages from which a phase gathers its batches. */
export interface FeedStorages {
  readonly images: string;
  readonly labels: string;
  readonly targets: string;
  readonly batches: string;
}

export const trainingStorages: FeedStorages = {
  images: STORAGE.trainImages,
  labels: STORAGE.trainLabels,
  targets: STORAGE.trainTargets,
  batches: STORAGE.trainBatches,
};

export const evaluationStorages: FeedStorages = {
  images: STORAGE.evaluationImages,
  labels: STORAGE.evaluationLabels,
  targets: STORAGE.evaluationTargets,
  batches: STORAGE.evaluationBatches,
};

export function batchFeed(program: Program, storages: FeedStorages, images: Images): BatchFeed {
  if (isStream(images)) return streamedFeed(program, storages, images);
  program.write(storages.images, images.images);
  program.write(storages.labels, images.labels);
  if (images.targets) program.write(storages.targets, images.targets.values);
  return {
    waitMs: 0,
    begin: ({ entries }) => program.write(storages.batches, entries),
    use: async (batch) => program.write(STORAGE.position, [batch]),
  };
}

/** A feed for a program that holds one batch, for resident and for streamed images. */
export function oneBatchFeed(program: Program, storages: FeedStorages, images: Images): BatchFeed {
  return isStream(images) ? streamedFeed(program, storages, images) : slicedFeed(program, storages, images);
}

function slicedFeed(program: Program, storages: FeedStorages, set: ImageSet<InputArray>): BatchFeed {
  let table: BatchTable | null = null;
  return {
    waitMs: 0,
    begin: (begun) => {
      table = begun;
    },
    use: async (batch) => {
      if (!table) throw new Error('the batches have to be set first');
      const { batchSize, entries } = table;
      const own = Int32Array.from(entries.subarray(2 * batch * batchSize, 2 * (batch + 1) * batchSize));
      // A whole batch, as engines take bytes in fours: any image fills the places of none.
      const chosen = Int32Array.from({ length: batchSize }, (_, place) => Math.max(0, own[2 * place]!));
      for (let place = 0; place < batchSize; place++) if (own[2 * place]! >= 0) own[2 * place] = place;
      const { images, labels, targets } = inputsOf(set, chosen);
      program.write(storages.images, images);
      program.write(storages.labels, labels);
      if (targets) program.write(storages.targets, targets.values);
      program.write(storages.batches, own);
      program.write(STORAGE.position, [0]);
    },
  };
}

function streamedFeed(program: Program, storages: FeedStorages, stream: ImageStream): BatchFeed {
  let ahead: ReadAhead | null = null;
  let next = 0;
  let waitMs = 0;
  return {
    get waitMs() {
      return waitMs;
    },
    begin: (table, first = 0) => {
      ahead = readAhead(stream, table, first);
      next = first;
    },
    use: async (batch) => {
      if (!ahead || batch !== next) throw new Error(`batch ${batch} is asked for, batch ${next} comes next`);
      const before = performance.now();
      const { images, labels, entries } = await ahead.next();
      waitMs += performance.now() - before;
      next++;
      program.write(storages.images, images);
      program.write(storages.labels, labels);
      program.write(storages.batches, entries);
      program.write(STORAGE.position, [0]);
    },
  };
}
