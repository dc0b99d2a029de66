import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { writePhotographs } from '../../../test/photographs.js';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { InputError } from '../../errors.js';
import type { Decoders } from '../imageStream.js';
import { decodeImage, type Framing } from './decodeImage.js';
import { decodeImages } from './decodeImages.js';
import { createDecoders } from './decoders.js';

const folder = temporaryFolder();
const side = 16;
const framing: Framing = { type: 'region', region: { left: 1, top: 1, width: 6, height: 4 }, side };
let files: readonly string[];
beforeAll(async () => {
  files = (await writePhotographs(folder, { train: 24, val: 2 })).train;
});

async function using<T>(threads: number, use: (decoders: Decoders) => Promise<T>): Promise<T> {
  const decoders = createDecoders(threads);
  try {
    return await use(decoders);
  } finally {
    await decoders.close();
  }
}

async function decodeAll(decoders: Decoders): Promise<Uint8Array[]> {
  const images = files.map(() => new Uint8Array(side * side * 3));
  await Promise.all(files.map((file, index) => decoders.decode(file, framing, images[index]!)));
  return images;
}

it('gives the same bytes with any number of threads and processes', async () => {
  const expected: Uint8Array[] = [];
  for (const file of files) expected.push(new Uint8Array((await decodeImage(file, framing)).data));
  expect(new Set(expected.map(String)).size).toBe(files.length);
  for (const threads of [1, 3, 6]) expect(await using(threads, decodeAll)).toEqual(expected);
});

it('decodes a set as this process does', async () => {
  const list = files.map((file, label) => ({ file, name: file, label, bytes: 0, modifiedMs: 0 }));
  const inProcesses = (size?: number) => decodeImages(list, size, undefined, createDecoders(6));
  expect(await inProcesses(side)).toEqual(await decodeImages(list, side, undefined));
  await expect(inProcesses()).rejects.toThrow(/\dx\d+, but .*: 75x50; images of different sizes need an image size/);
});

it('measures images without decoding them', async () => {
  const sizes = await using(2, (decoders) => Promise.all(files.slice(0, 3).map((file) => decoders.measure(file))));
  expect(sizes).toEqual([
    { width: 75, height: 50 },
    { width: 48, height: 66 },
    { width: 40, height: 40 },
  ]);
});

it('names files that cannot be decoded, and goes on with the others', async () => {
  const broken = path.join(folder, 'broken.jpg');
  const missing = path.join(folder, 'missing.jpg');
  writeFileSync(broken, 'no image');
  await using(2, async (decoders) => {
    const target = () => new Uint8Array(side * side * 3);
    const outcomes = await Promise.allSettled([
      decoders.decode(broken, framing, target()),
      decoders.measure(broken),
      decoders.decode(missing, framing, target()),
      decoders.decode(files[0]!, framing, target()),
      decoders.decode(files[0]!, { ...framing, region: { ...framing.region, left: 5000 } }, target()),
    ]);
    const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as Error) : null));
    expect(reasons[0]).toBeInstanceOf(InputError);
    expect(reasons.map((reason) => reason?.message.includes('\n') ?? false)).not.toContain(true);
    expect(reasons[0]?.message).toContain(`${broken}: cannot be decoded (`);
    expect(reasons[1]?.message).toContain(`${broken}: cannot be decoded (`);
    expect(reasons[2]?.message).toMatch(/missing\.jpg: cannot be decoded \(ENOENT/);
    expect(reasons[3]).toBeNull();
    expect(reasons[4]?.message).toContain(files[0]);
  });
});

it('rejects what is under way when it is closed, and what is asked for after', async () => {
  const decoders = createDecoders(1);
  const pending = decodeAll(decoders);
  const closed = decoders.close();
  await expect(pending).rejects.toThrow('was closed');
  await closed;
  await expect(decodeAll(decoders)).rejects.toThrow('has ended');
});

const children = `/proc/self/task/${process.pid}/children`;

it.runIf(process.platform === 'linux')('says when a decoder is killed', async () => {
  const before = readFileSync(children, 'utf8').split(' ');
  await using(1, async (decoders) => {
    await decoders.measure(files[0]!);
    const [child] = readFileSync(children, 'utf8')
      .split(' ')
      .filter((pid) => pid && !before.includes(pid));
    process.kill(Number(child), 'SIGKILL');
    await expect(decodeAll(decoders)).rejects.toThrow('a decoder of images ended (SIGKILL)');
    await expect(decodeAll(decoders)).rejects.toThrow('has ended');
  });
});
