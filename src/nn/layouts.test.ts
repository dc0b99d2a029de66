/** The stored layout, there and back. */

import { expect, it } from 'vitest';
import { fromStored, storedShape, toStored } from './layouts.js';

it.each([
  { layout: 'convolution', own: [2, 3, 4, 5], stored: [5, 4, 2, 3] },
  { layout: 'depthwise', own: [2, 3, 4], stored: [4, 1, 2, 3] },
  { layout: 'transposed', own: [2, 3], stored: [3, 2] },
  { layout: 'plain', own: [2, 3], stored: [2, 3] },
] as const)('$layout', ({ layout, own, stored }) => {
  expect(storedShape(own, layout)).toEqual(stored);
  const values = Float64Array.from({ length: own.reduce((a: number, b) => a * b, 1) }, (_, i) => i);
  const found = toStored(values, own, layout);
  expect(fromStored(found, own, layout)).toEqual(values);
});

it('puts the channel of a depthwise filter first', () => {
  // Rows, columns and channels of 2, 3 and 4: value 100·row + 10·column + channel.
  const own = [0, 1].flatMap((row) =>
    [0, 1, 2].flatMap((column) => [0, 1, 2, 3].map((c) => 100 * row + 10 * column + c)),
  );
  const found = toStored(Float64Array.from(own), [2, 3, 4], 'depthwise');
  expect([...found.subarray(6, 12)]).toEqual([1, 11, 21, 101, 111, 121]);
});
