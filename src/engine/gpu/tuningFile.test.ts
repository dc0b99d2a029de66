import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { tuningFile } from './tuningFile.js';

const path = join(temporaryFolder(), 'tiles.json');

it('keeps the tiles of every adapter for the code that they were found with', async () => {
  const ours = await tuningFile(path, 'A');
  await ours.save?.({ product: 3 });
  await (await tuningFile(path, 'B')).save?.({ product: 4 });
  expect(await ours.load()).toEqual({ product: 3 });
  expect(await (await tuningFile(path, 'B')).load()).toEqual({ product: 4 });

  const others = await tuningFile(path, 'A', 'other kernels');
  expect(await others.load()).toEqual({});
  await others.save?.({ product: 1 });
  expect(await others.load()).toEqual({ product: 1 });
  expect(await ours.load()).toEqual({});
});

it('passes over a file of an older form and a damaged one', async () => {
  const store = await tuningFile(path, 'A');
  for (const text of ['{"A":{"product":3}}', '{"code":"', '']) {
    writeFileSync(path, text);
    expect(await store.load()).toEqual({});
  }
  await store.save?.({ product: 2 });
  expect(JSON.parse(readFileSync(path, 'utf8')).adapters).toEqual({ A: { product: 2 } });
});
