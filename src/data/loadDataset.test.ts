import { expect, it } from 'vitest';
import { parseDataSpec } from './dataSpec.js';
import { loadDataset } from './loadDataset.js';

it('applies the limits to a generated set, the same for a seed', async () => {
  const spec = parseDataSpec('synthetic:100');
  const whole = await loadDataset(spec, { seed: 5 });
  expect([whole.train.count, whole.test.count]).toEqual([100, 20]);
  const limited = await loadDataset(spec, { seed: 5, limitTrain: 30, limitTest: 4 });
  expect([limited.train.count, limited.test.count]).toEqual([30, 4]);
  expect(await loadDataset(spec, { seed: 5, limitTrain: 30, limitTest: 4 })).toEqual(limited);
  expect(limited.classes).toEqual(whole.classes);
});

it('names the set whose limit is too large', async () => {
  const loading = loadDataset(parseDataSpec('synthetic:100'), { seed: 5, limitTest: 21 });
  await expect(loading).rejects.toThrow('limit of 21 images: the test set has 20');
});

it('passes the location on', async () => {
  for (const spec of ['cifar10:no/such/place', 'mnist:no/such/place', 'images:no/such/place']) {
    await expect(loadDataset(parseDataSpec(spec), { seed: 1 })).rejects.toThrow('place');
  }
});
