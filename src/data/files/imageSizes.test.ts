import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { encodePhotograph, writePhotographs } from '../../../test/photographs.js';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { InputError } from '../../errors.js';
import type { Decoders } from '../imageStream.js';
import type { Progress } from '../progress.js';
import { createDecoders } from './decoders.js';
import { listImageFolder, streamImageFolder } from './imageFolder.js';
import { measured } from './imageSizes.js';

let folder: string;
let decoders: Decoders;
let progress: Progress[];
let files: readonly string[];
beforeEach(async () => {
  folder = temporaryFolder();
  files = (await writePhotographs(folder, { train: 6, val: 2 })).train;
  decoders = createDecoders(1);
  progress = [];
});
afterEach(() => decoders.close());

const cacheDirectory = () => path.join(folder, 'cache');
const measure = () => {
  const { train } = streamImageFolder(listImageFolder(folder), 16, 'crop', decoders);
  return measured(train, { cacheDirectory: cacheDirectory(), onProgress: (at) => progress.push(at) });
};

it('knows width and height of every file, and remembers them', async () => {
  const { sizes } = await measure();
  expect([...sizes!]).toEqual([75, 50, 48, 66, 40, 40, 7, 5, 64, 41, 90, 30]);
  expect(progress).toEqual([{ task: 'check images', done: 6, total: 6 }]);
  progress = [];
  expect((await measure()).sizes).toEqual(sizes);
  expect(progress).toEqual([]);
});

it('looks again when a file has changed, or the cache is damaged', async () => {
  await measure();
  writeFileSync(files[0]!, await encodePhotograph({ width: 20, height: 30 }));
  utimesSync(files[0]!, 1, 1);
  expect([...(await measure()).sizes!.subarray(0, 2)]).toEqual([20, 30]);
  expect(readdirSync(cacheDirectory())).toHaveLength(1);
  const cache = path.join(cacheDirectory(), readdirSync(cacheDirectory())[0]!);
  const mutated = readFileSync(cache);
  mutated[mutated.length - 1]! ^= 1;
  for (const damaged of ['damaged', mutated]) {
    writeFileSync(cache, damaged);
    expect([...(await measure()).sizes!.subarray(0, 2)]).toEqual([20, 30]);
  }
  expect(progress).toHaveLength(4);
});

it('looks again when a file of as many bytes was written later', async () => {
  await measure();
  const before = statSync(files[0]!);
  const other = await encodePhotograph({ width: 20, height: 30 });
  // What stands behind a picture's end is passed over.
  writeFileSync(files[0]!, Buffer.concat([other, Buffer.alloc(before.size - other.length)]));
  utimesSync(files[0]!, before.atime, new Date(before.mtimeMs + 1000));
  expect([...(await measure()).sizes!.subarray(0, 2)]).toEqual([20, 30]);
});

it('does without a cache', async () => {
  writeFileSync(cacheDirectory(), 'a file where the folder should be');
  expect((await measure()).sizes).toHaveLength(12);
});

it('names the first file that is no image, and counts the others', async () => {
  mkdirSync(path.join(folder, 'train/ant'), { recursive: true });
  writeFileSync(files[1]!, 'no image');
  const one = await measure().catch((error: unknown) => error as Error);
  expect(one).toBeInstanceOf(InputError);
  expect((one as Error).message).toMatch(/0002\.JPEG: cannot be decoded \([^\n]+\); replace or remove it$/);
  writeFileSync(files[4]!, '');
  await expect(measure()).rejects.toThrow(/0002\.JPEG: cannot be decoded .* \(and 1 more of 6 files\)$/);
});
