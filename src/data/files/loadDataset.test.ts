import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { parseDataSpec } from '../dataSpec.js';
import { isStream } from '../imageStream.js';
import { type LoadOptions, loadDataset } from './loadDataset.js';

it('passes the location on', async () => {
  for (const spec of ['cifar10:no/such/place', 'mnist:no/such/place', 'images:no/such/place']) {
    await expect(loadDataset(parseDataSpec(spec), { seed: 1 })).rejects.toThrow('place');
  }
});

describe('folders of images', () => {
  const folder = temporaryFolder();
  for (const [part, count] of [
    ['train', 150],
    ['val', 50],
  ] as const) {
    mkdirSync(path.join(folder, part, 'ant'), { recursive: true });
    for (let file = 0; file < count; file++) closeSync(openSync(path.join(folder, part, 'ant', `${file}.jpg`), 'w'));
  }
  const load = (options: Omit<LoadOptions, 'seed'>) =>
    loadDataset(parseDataSpec(`images:${folder}`), { seed: 1, cacheDirectory: path.join(folder, 'cache'), ...options });

  it.each<[string, Omit<LoadOptions, 'seed'>]>([
    ['that are cropped', { imageSize: 32, framing: 'crop' }],
    ['on demand', { imageSize: 32, stream: true }],
    // 200 images of 1826 x 1826 pixels are the first to exceed 2 GB.
    ['that are too large to be resident', { imageSize: 1826 }],
  ])('are streamed %s', async (_, options) => {
    const { train, test } = await load(options);
    expect(isStream(train) && isStream(test)).toBe(true);
    expect([train.count, train.height, train.width, train.channels, test.count]).toEqual([
      150,
      options.imageSize,
      options.imageSize,
      3,
      50,
    ]);
  });

  it.each<[string, Omit<LoadOptions, 'seed'>]>([
    ['that are small enough', { imageSize: 1825 }],
    ['of their own size', {}],
    ['on demand', { imageSize: 1826, stream: false }],
  ])('are resident %s', async (_, options) => {
    // The files are empty: it is the attempt to decode one of them that tells.
    await expect(load(options)).rejects.toThrow('cannot be decoded');
  });

  it('say what streaming needs', async () => {
    await expect(load({ stream: true })).rejects.toThrow('streamed images need an image size');
    await expect(load({ stream: false, framing: 'crop', imageSize: 32 })).rejects.toThrow('need stream = true');
  });
});
