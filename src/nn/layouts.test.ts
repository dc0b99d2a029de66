/** Layouts at the borders, there and back. */

import { expect, it } from 'vitest';
import { borderShape, fromBorder, toBorder } from './layouts.js';

it.each([
  { layout: 'convolution', inside: [2, 3, 4, 5], outside: [5, 4, 2, 3] },
  { layout: 'depthwise', inside: [2, 3, 4], outside: [4, 1, 2, 3] },
  { layout: 'transposed', inside: [2, 3], outside: [3, 2] },
  { layout: 'plain', inside: [2, 3], outside: [2, 3] },
] as const)('$layout', ({ layout, inside, outside }) => {
  expect(borderShape(inside, layout)).toEqual(outside);
  const values = Float64Array.from({ length: inside.reduce((a: number, b) => a * b, 1) }, (_, i) => i);
  const border = toBorder(values, inside, layout);
  expect(fromBorder(border, inside, layout)).toEqual(values);
});

it('puts the channel of a depthwise filter first', () => {
  // Rows, columns and channels of 2, 3 and 4: value 100·row + 10·column + channel.
  const inside = [0, 1].flatMap((row) =>
    [0, 1, 2].flatMap((column) => [0, 1, 2, 3].map((c) => 100 * row + 10 * column + c)),
  );
  const border = toBorder(Float64Array.from(inside), [2, 3, 4], 'depthwise');
  expect([...border.subarray(6, 12)]).toEqual([1, 11, 21, 101, 111, 121]);
});
