import { expect, it } from 'vitest';
import { epochTicks, short, ticks } from './words.js';

it.each([
  [1.6e-4, ['0', '5e-5', '1e-4', '1.5e-4']],
  [9.9e-4, ['0', '2.5e-4', '5e-4', '7.5e-4']],
  [2.6e6, ['0', '1e6', '2e6']],
  [1.6e6, ['0', '500000', '1e6', '1.5e6']],
])('tells neighbours on a scale up to %s apart', (most, texts) => {
  expect(ticks(0, most, 4).map(short)).toEqual(texts);
});

it('has three digits of a number', () => {
  expect([2 ** -12, -(2 ** -12), 1.25e6, 999_999, 0.12345].map(short)).toEqual([
    ...['2.44e-4', '-2.44e-4', '1.25e6', '1e6', '0.123'],
  ]);
});

it.each([
  [0.35, [0, 0.1, 0.2, 0.3]],
  [1, [0, 1]],
  [1.3, [0, 1]],
  [3.9, [0, 1, 2, 3]],
  [12, [0, 5, 10]],
  [160, [0, 50, 100, 150]],
])('counts whole epochs up to %s, from the end of the first on', (done, wanted) => {
  expect(epochTicks(0, done, 5)).toEqual(wanted);
});
