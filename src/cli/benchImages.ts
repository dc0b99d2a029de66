/** `mpdnn bench --data images:DIR`: images decoded a second, and images trained on a second while they are decoded. */

import { loadDataset, measured } from '../data/files/index.js';
import {
  type BatchTable,
  createRandom,
  type ImageStream,
  isStream,
  limit,
  parseDataSpec,
  readAhead,
  trainingEpoch,
} from '../data/index.js';
import { cacheFolder } from '../disk/cacheFolder.js';
import { InputError } from '../errors.js';
import { STORAGE } from '../nn/index.js';
import type { Session } from '../program/session.js';

export interface StreamingResult {
  readonly decodeThreads: number;
  readonly decodedImagesPerSecond: number;
  readonly streamedImagesPerSecond: number;
  /** Share of the time in which the engine waited for images. */
  readonly waiting: number;
}

/** Random crops of a folder's training images, enough for `steps` batches and one to warm up. */
export async function benchImages(
  data: string,
  shape: { readonly imageSize: number; readonly batchSize: number },
  decodeThreads: number | undefined,
  steps: number,
): Promise<{ readonly stream: ImageStream; readonly table: BatchTable; readonly classes: number }> {
  const { imageSize, batchSize } = shape;
  const spec = parseDataSpec(data);
  if (spec.kind !== 'images') throw new InputError(`data "${data}": what is decoded are images:DIR`);
  const { train, classes } = await loadDataset(spec, { imageSize, framing: 'crop', decodeThreads, seed: 1 });
  const wanted = (steps + 1) * batchSize;
  if (train.count < wanted) {
    throw new InputError(
      `data "${data}": ${train.count} training images, ${wanted} are needed for ${steps + 1} batches of ${batchSize}; ` +
        'give fewer --steps or --rounds, or a smaller --batch-size',
    );
  }
  if (!isStream(train)) throw new Error('crops are always streamed');
  const stream = await measured(limit(train, wanted, 1), { cacheDirectory: cacheFolder() });
  const augment = { shift: 0, mirror: true, cropSizes: stream.sizes ?? undefined };
  return { stream, table: trainingEpoch(wanted, batchSize, createRandom(1), augment), classes: classes.length };
}

/** Decodes all batches of the table, then decodes them again while the session, which has the stream, trains on them. */
export async function measureStreaming(
  session: Session,
  stream: ImageStream,
  table: BatchTable,
): Promise<StreamingResult> {
  const ahead = readAhead(stream, table);
  await ahead.next();
  const decoding = await images(table, async () => {
    await ahead.next();
  });
  session.setBatches(table);
  const train = async (batch: number): Promise<void> => {
    const fault = await session.step(batch);
    if (fault) throw fault;
  };
  await train(0);
  await session.program.read(STORAGE.loss);
  const waitBefore = session.waitMs;
  const training = await images(table, async (batch) => {
    await train(batch);
    if (batch === table.batches - 1) await session.program.read(STORAGE.loss);
  });
  return {
    decodeThreads: stream.decoders.threads,
    decodedImagesPerSecond: decoding.perSecond,
    streamedImagesPerSecond: training.perSecond,
    waiting: (session.waitMs - waitBefore) / training.ms,
  };
}

/** Times all batches of a table but the first, one after another. */
async function images(
  { batches, batchSize }: BatchTable,
  use: (batch: number) => Promise<void>,
): Promise<{ readonly ms: number; readonly perSecond: number }> {
  const start = performance.now();
  for (let batch = 1; batch < batches; batch++) await use(batch);
  const ms = performance.now() - start;
  return { ms, perSecond: ((batches - 1) * batchSize * 1000) / ms };
}
