import { expect, it } from 'vitest';
import { experimentFromSettings } from '../settings/index.js';
import { openWorkbench } from './workbench.js';

const withSeed = (seed: string) => experimentFromSettings('A', 'a.cfg', { data: 'synthetic:16', seed });

it.each([false, true])('has the images of the last run once, or of all: %s', async (keepsImages) => {
  const bench = openWorkbench({ keepsImages });
  const [first, again, , later] = await [0, 0, 1, 0].reduce(
    async (before, seed) => [...(await before), await bench.data(withSeed(String(seed)), () => {})],
    Promise.resolve<Awaited<ReturnType<typeof bench.data>>[]>([]),
  );
  expect(again).toBe(first);
  expect(later === first).toBe(keepsImages);
  await bench.dispose();
});
