import { expect, it } from 'vitest';
import { experimentFromSettings } from '../settings/index.js';
import { loadExperimentData } from './experimentData.js';

const load = ({ seed = 5, ...limits }: Readonly<Record<string, number>>) =>
  loadExperimentData(experimentFromSettings('A', 'a.cfg', { data: 'synthetic:20', seed, ...limits }), () => {});

it('limits a generated set, the same for a seed', async () => {
  const whole = await load({});
  expect([whole.train.count, whole.test.count]).toEqual([20, 4]);
  const limits = { limit_train: 6, limit_val: 2 };
  const { close: _close, ...limited } = await load(limits);
  expect([limited.train.count, limited.test.count]).toEqual([6, 2]);
  expect(await load(limits)).toMatchObject(limited);
  expect((await load({ ...limits, seed: 6 })).train).not.toEqual(limited.train);
  expect(limited.classes).toEqual(whole.classes);
});

it('names the set whose limit is too large', async () => {
  await expect(load({ limit_val: 5 })).rejects.toThrow('limit_val = 5: there are 4 images');
});
