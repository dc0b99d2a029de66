import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePhotographs } from '../../test/photographs.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { evaluationBatches, trainingEpoch } from './batches.js';
import { evaluationCrop } from './crops.js';
import { decodeImage } from './files/decodeImage.js';
import { createDecoders } from './files/decoders.js';
import { listImageFolder, loadImageFolder, streamImageFolder } from './files/imageFolder.js';
import { measured } from './files/imageSizes.js';
import { limit, split } from './imageSet.js';
import { type DecodedBatch, type Decoders, type Framing, type ImageStream, readAhead } from './imageStream.js';
import { createRandom } from './random.js';

const side = 16;
const imageBytes = side * side * 3;
const folder = temporaryFolder();
const cacheDirectory = path.join(folder, 'cache');
const decoders = createDecoders(2);
beforeAll(() => writePhotographs(folder, { train: 22, val: 7 }));
afterAll(() => decoders.close());

const open = (framing: ImageStream['framing'], by: Decoders = decoders) =>
  streamImageFolder(listImageFolder(folder), side, framing, by);

async function all(stream: ImageStream, table: Parameters<typeof readAhead>[1], first = 0): Promise<DecodedBatch[]> {
  const ahead = readAhead(stream, table, first);
  const batches: DecodedBatch[] = [];
  for (let batch = first; batch < table.batches; batch++) batches.push(structuredClone(await ahead.next()));
  await expect(ahead.next()).rejects.toThrow('no more batches');
  return batches;
}

describe('a stream of whole images', () => {
  it('has the bytes and labels that are resident otherwise', async () => {
    const resident = await loadImageFolder(listImageFolder(folder), { imageSize: side, cacheDirectory });
    const { test } = open('fill');
    const batches = await all(test, evaluationBatches(test.count, 3));
    expect(batches.flatMap(({ labels }) => [...labels]).slice(0, 7)).toEqual([...resident.test.labels]);
    const bytes = Buffer.concat(batches.map(({ images }) => images)).subarray(0, 7 * imageBytes);
    expect(bytes.equals(resident.test.images)).toBe(true);
    expect(batches.map(({ entries }) => [...entries.filter((_, position) => position % 2 === 0)])).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [0, -1, -1],
    ]);
  });

  it('hands on the augmentation words of the table', async () => {
    const { train } = open('fill');
    const table = trainingEpoch(train.count, 5, createRandom(3), { shift: 4, mirror: true });
    const batches = await all(train, table);
    const words = (entries: Int32Array) => [...entries.filter((_, position) => position % 2 === 1)];
    expect(batches.flatMap(({ entries }) => words(entries))).toEqual(words(table.entries));
  });
});

describe('a stream of crops', () => {
  it('decodes the crops of the table', async () => {
    const train = await measured(open('crop').train, { cacheDirectory });
    const augment = { shift: 0, mirror: true, cropSizes: train.sizes! };
    const table = trainingEpoch(train.count, 5, createRandom(3), augment);
    const batches = await all(train, table);
    for (const entry of [0, 7, 19]) {
      const [left, top, width, height] = table.crops!.subarray(4 * entry) as unknown as number[] & { 3: number };
      const framing = { type: 'region', region: { left, top, width, height }, side } as Framing;
      const { data } = await decodeImage(train.files[table.entries[2 * entry]!]!.file, framing);
      const place = (entry % 5) * imageBytes;
      const { images } = batches[Math.floor(entry / 5)]!;
      expect(Buffer.from(images.subarray(place, place + imageBytes)).equals(data)).toBe(true);
    }
  });

  it('gives the same from the middle of an epoch on', async () => {
    const train = await measured(open('crop').train, { cacheDirectory });
    const augment = { shift: 0, mirror: true, cropSizes: train.sizes! };
    const table = trainingEpoch(train.count, 3, createRandom(3), augment);
    expect(await all(train, table, 2)).toEqual((await all(train, table)).slice(2));
  });

  it('sees the centre in evaluation', async () => {
    const test = await measured(open('crop').test, { cacheDirectory });
    const [batch] = await all(test, evaluationBatches(test.count, 7));
    for (const [place, { file }] of test.files.entries()) {
      const [width, height] = test.sizes!.subarray(2 * place) as unknown as [number, number];
      const { data } = await decodeImage(file, { type: 'centre', ...evaluationCrop({ width, height }, side) });
      const bytes = batch!.images.subarray(place * imageBytes, (place + 1) * imageBytes);
      expect(Buffer.from(bytes).equals(data), file).toBe(true);
    }
  });
});

describe('memory', () => {
  it('holds four batches at most', async () => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const slow: Decoders = {
      ...decoders,
      decode: () =>
        new Promise((resolve) => {
          waiting.push(() => resolve({ width: 0, height: 0 }));
          most = Math.max(most, waiting.length);
        }),
    };
    const { train } = open('fill', slow);
    const table = trainingEpoch(train.count, 2, createRandom(1), { shift: 0, mirror: false });
    const ahead = readAhead(train, table);
    for (let batch = 0; batch < table.batches; batch++) {
      const next = ahead.next();
      expect(waiting.length).toBeLessThanOrEqual(8);
      for (const finish of waiting.splice(0, 2)) finish();
      await next;
    }
    expect(most).toBe(8);
    expect(waiting).toEqual([]);
  });
});

describe('faults', () => {
  it('come with their batch, not before', async () => {
    const { train } = open('fill');
    const files = train.files.map((file, index) => (index === 9 ? { ...file, file: `${file.file}.gone` } : file));
    const ahead = readAhead({ ...train, files }, evaluationBatches(train.count, 4));
    await ahead.next();
    await ahead.next();
    await expect(ahead.next()).rejects.toThrow('.gone: cannot be decoded');
  });
});

describe('subsets', () => {
  it('are chosen as those of resident images', async () => {
    const resident = await loadImageFolder(listImageFolder(folder), { imageSize: side, cacheDirectory });
    const { train } = open('fill');
    const table = evaluationBatches(10, 10);
    const [chosen] = await all(limit(train, 10, 7), table);
    expect(Buffer.from(chosen!.images).equals(limit(resident.train, 10, 7).images)).toBe(true);
    const { rest, held } = split(train, 10, 3);
    expect([rest.count, held.count]).toEqual([12, 10]);
    const [held10] = await all(held, table);
    expect(Buffer.from(held10!.images).equals(split(resident.train, 10, 3).held.images)).toBe(true);
  });

  it('keep the sizes that are known', async () => {
    const train = await measured(open('crop').train, { cacheDirectory });
    const sizes = new Map(train.files.map(({ file }, i) => [file, train.sizes!.subarray(2 * i, 2 * i + 2)]));
    const chosen = limit(train, 10, 7);
    const expected = chosen.files.flatMap(({ file }) => [...sizes.get(file)!]);
    expect([...chosen.sizes!]).toEqual(expected);
    expect(limit(open('crop').train, 10, 7).sizes).toBeNull();
  });
});
