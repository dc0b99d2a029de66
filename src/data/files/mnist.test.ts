import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { elementCount } from '../../elementCount.js';
import { InputError } from '../../errors.js';
import { loadMnist } from './mnist.js';

const root = temporaryFolder();

function idx(shape: readonly number[], value: (index: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x800 + shape.length);
  shape.forEach((size, axis) => {
    header.writeUInt32BE(size, 4 + 4 * axis);
  });
  const length = elementCount(shape);
  return Buffer.concat([header, Uint8Array.from({ length }, (_, index) => value(index))]);
}

const images = (count: number) => idx([count, 28, 28], (index) => 1 + (index % 251));
const labels = (count: number) => idx([count], (index) => index % 10);

async function writeMnist(name: string, changes: Record<string, Buffer> = {}): Promise<string> {
  const folder = path.join(root, name);
  await mkdir(folder);
  const files = {
    'train-images-idx3-ubyte': images(12),
    'train-labels-idx1-ubyte.gz': gzipSync(labels(12)),
    't10k-images.idx3-ubyte': images(3),
    't10k-labels-idx1-ubyte': labels(3),
    ...changes,
  };
  for (const [file, bytes] of Object.entries(files)) await writeFile(path.join(folder, file), bytes);
  return folder;
}

it('pads to 32x32 and repeats on three channels', async () => {
  const { train, test } = await loadMnist(await writeMnist('good'));
  expect([train.count, test.count, train.height, train.width, train.channels]).toEqual([12, 3, 32, 32, 3]);
  expect([...train.labels]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  const wrong = train.images.findIndex((byte, index) => {
    const [image, y, x] = [
      Math.floor(index / 3072),
      (Math.floor(index / 96) % 32) - 2,
      (Math.floor(index / 3) % 32) - 2,
    ];
    const isInside = y >= 0 && y < 28 && x >= 0 && x < 28;
    return byte !== (isInside ? 1 + (((image * 28 + y) * 28 + x) % 251) : 0);
  });
  expect(wrong).toBe(-1);
});

it.each([
  ['shorter than its header says', { 't10k-images.idx3-ubyte': images(3).subarray(0, 2000) }, 'promises 2368 bytes'],
  ['a header of another kind', { 't10k-labels-idx1-ubyte': images(3) }, 'no IDX file'],
  ['too few labels', { 't10k-labels-idx1-ubyte': labels(2) }, '2 labels for the 3 images'],
  ['a label of 10', { 't10k-labels-idx1-ubyte': idx([3], () => 10) }, 'image 0 has label 10'],
  ['half a gzip file', { 'train-labels-idx1-ubyte.gz': gzipSync(labels(12)).subarray(0, 15) }, 'corrupt gzip'],
  ['images too large', { 't10k-images.idx3-ubyte': idx([3, 33, 28], () => 0) }, '33x28'],
])('refuses %s, naming the file', async (name, changes, reason) => {
  const folder = await writeMnist(name, changes);
  const error = await loadMnist(folder).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toContain(path.join(folder, Object.keys(changes)[0]!));
  expect((error as Error).message).toContain(reason);
});

it("finds torchvision's root, and asks where there are several sets below it", async () => {
  const torchvision = path.join(root, 'torchvision');
  await mkdir(path.join(torchvision, 'MNIST'), { recursive: true });
  await writeMnist('torchvision/MNIST/raw');
  expect((await loadMnist(torchvision)).train.count).toBe(12);
  expect((await loadMnist(path.join(torchvision, 'MNIST'))).train.count).toBe(12);
  await mkdir(path.join(torchvision, 'FashionMNIST'));
  await writeMnist('torchvision/FashionMNIST/raw');
  await expect(loadMnist(torchvision)).rejects.toThrow(
    /several sets; name one of .*\/MNIST\/raw, .*\/FashionMNIST\/raw/,
  );
  expect((await loadMnist(path.join(torchvision, 'FashionMNIST'))).train.count).toBe(12);
});

it('reads EMNIST: its names, letters from 1 on, images on their sides', async () => {
  const folder = path.join(root, 'emnist');
  await mkdir(folder);
  const write = async (set: string, label: number) => {
    const file = (name: string) => path.join(folder, `emnist-${set}-${name}-ubyte.gz`);
    for (const part of ['train', 'test']) {
      await writeFile(file(`${part}-images-idx3`), gzipSync(images(2)));
      await writeFile(file(`${part}-labels-idx1`), gzipSync(idx([2], () => label)));
    }
  };
  await write('letters', 26);
  const { classes, train, test } = await loadMnist(folder);
  expect([classes.length, classes[train.labels[0]!], test.count]).toEqual([26, 'z', 2]);
  // Row 1, column 2 of the first image lies in row 2, column 1 of the file.
  expect(train.images[((2 + 1) * 32 + 2 + 2) * 3]).toBe(1 + ((2 * 28 + 1) % 251));
  await write('balanced', 46);
  await expect(loadMnist(folder)).rejects.toThrow(/several sets; .*emnist\/emnist-balanced, .*emnist-letters/);
  const balanced = await loadMnist(path.join(folder, 'emnist-balanced'));
  expect([balanced.classes.length, balanced.classes[balanced.train.labels[0]!]]).toEqual([47, 't']);
  await write('letters', 0);
  await expect(loadMnist(path.join(folder, 'emnist-letters'))).rejects.toThrow('has label 0; labels 1 to 26');
});

it('says why a place cannot be looked at', async () => {
  await expect(loadMnist(path.join(root, 'x'.repeat(300)))).rejects.toThrow('longer than names of files');
});

it('says which files are wanted', async () => {
  await expect(loadMnist(path.join(root, 'nowhere'))).rejects.toThrow('wanted: train-images-idx3-ubyte');
  const folder = await writeMnist('incomplete');
  await rm(path.join(folder, 't10k-labels-idx1-ubyte'));
  await expect(loadMnist(folder)).rejects.toThrow('t10k-labels-idx1-ubyte[.gz] is missing');
});
