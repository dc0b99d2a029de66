import { expect, it } from 'vitest';
import { agreement } from './agreement.js';

it('counts tensors that are alike and measures how far the others are apart', () => {
  expect(agreement([])).toBeNull();
  expect(agreement([[2, 3]])).toBeNull();
  expect(agreement([[], []])).toBeNull();
  // Variances 0 and 2.
  expect(
    agreement([
      [4, 2],
      [4, 4],
    ]),
  ).toEqual({ alike: 1, tensors: 2, deviation: 1 });
});
