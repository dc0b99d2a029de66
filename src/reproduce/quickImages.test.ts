import { expect, it } from 'vitest';
import { generateSynthetic } from '../data/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { quickImages } from './quickImages.js';

const enough = { batch_size: 8, limit_train: 100, validation_split: 20, limit_val: 15 };
const asked = (settings = {}) => experimentFromSettings('A', 'a.cfg', { select: 'validation', ...settings });
const { train, test, ...rest } = generateSynthetic(1, 50);

it('are as many as suffice, or all', () => {
  expect(quickImages(enough, asked())).toEqual(enough);
  expect(quickImages(enough, asked(), { ...rest, train, test: train })).toEqual({
    ...{ batch_size: 8, limit_train: 50, validation_split: 10, limit_val: 15 },
  });
});

it('are no more than the call limits them to', () => {
  const few = asked({ limit_train: 9, limit_val: 2 });
  expect(quickImages(enough, few)).toEqual({ batch_size: 8, limit_train: 9, validation_split: 1, limit_val: 2 });
});

it('are all for training where others choose', () => {
  const images = { ...rest, train: test, validation: train, test };
  expect(quickImages({ ...enough, batch_size: 64 }, asked(), images)).toEqual({
    ...{ batch_size: 10, limit_train: 10, limit_val: 10 },
  });
});

it('are all for training where no held out ones choose', () => {
  for (const select of ['test', 'last']) {
    expect(quickImages(enough, asked({ select }))).toEqual({ batch_size: 8, limit_train: 100, limit_val: 15 });
  }
});
