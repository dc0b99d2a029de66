import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { experimentFromSettings } from '../settings/index.js';
import { openWorkbench } from './workbench.js';

const withSeed = (seed: string) => experimentFromSettings('A', 'a.cfg', { data: 'synthetic:16', seed });

it.each([false, true])('has the images of the last run once, or of all: %s', async (keepsImages) => {
  const bench = openWorkbench({ keepsImages });
  const [first, again, , later] = await [0, 0, 1, 0].reduce(
    async (before, seed) => [...(await before), await bench.data(withSeed(String(seed)), { task: () => {} })],
    Promise.resolve<Awaited<ReturnType<typeof bench.data>>[]>([]),
  );
  expect(again).toBe(first);
  expect(later === first).toBe(keepsImages);
  await bench.dispose();
});

it('has other images for another loss, and the same for other shifts, with their notes told once', async () => {
  const file = join(temporaryFolder(), 'a.csv');
  writeFileSync(file, `x,target\n${Array.from({ length: 10 }, (_, line) => `${line},${line % 2}\n`).join('')}`);
  const bench = openWorkbench({ keepsImages: true });
  const told: string[] = [];
  const events = { task: () => {}, line: (text: string) => void told.push(text) };
  const imagesOf = async (settings: Readonly<Record<string, unknown>>) =>
    bench.data(experimentFromSettings('A', 'a.cfg', { data: `csv:${file}`, ...settings }), events);
  const [classes, values] = [await imagesOf({}), await imagesOf({ loss: 'values' })];
  expect([classes.train, values.train].map((train) => 'targets' in train)).toEqual([false, true]);
  const before = told.length;
  expect(await imagesOf({ augment_shift: 1 })).toBe(classes);
  expect([before, told.length]).toEqual([1, 1]);
  await bench.dispose();
});

it('tells the notes on images that were loaded without telling them, once', async () => {
  const file = join(temporaryFolder(), 'b.csv');
  writeFileSync(file, `x,label\n${Array.from({ length: 10 }, (_, line) => `${line},${line % 2}\n`).join('')}`);
  const bench = openWorkbench();
  const told: string[] = [];
  const experiment = experimentFromSettings('A', 'a.cfg', { data: `csv:${file}` });
  const line = (text: string) => void told.push(text);
  for (const events of [{}, { line }, { line }]) await bench.data(experiment, { task: () => {}, ...events });
  expect(told).toEqual([expect.stringContaining('2 of 10 lines, chosen by the seed, are for testing')]);
  await bench.dispose();
});
