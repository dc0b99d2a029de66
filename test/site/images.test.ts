/** Images of the tab: drawings as images to train on, and digits that are the same everywhere. */

import { expect, it } from 'vitest';
import { generateDigits } from '../../site/images/digits.js';
import { drawingsData } from '../../site/images/drawings.js';
import { drawStrokes, SIDE, type Stroke } from '../../site/images/strokes.js';
import { crc32 } from '../../src/crc32.js';

it('generates digits, of each as many, the same bytes again', () => {
  const { train, test } = generateDigits(20, 10);
  expect(Array.from(train.labels)).toEqual(Array.from({ length: 20 }, (_, index) => index % 10));
  expect(crc32(train.images as Uint8Array)).toBe(1113264055);
  expect(train.images).not.toEqual(test.images);
});

it('makes images of strokes, in the middle and as large as the others', () => {
  const line: Stroke = [
    [0, 0],
    [0, 300],
  ];
  const image = drawStrokes([line]);
  const lit = [...image.entries()].filter(([, level]) => level > 127).map(([at]) => Math.floor(at / 3));
  const rows = lit.map((pixel) => Math.floor(pixel / SIDE));
  expect([Math.min(...rows), Math.max(...rows)]).toEqual([4, 23]);
  expect(new Set(lit.map((pixel) => pixel % SIDE))).toEqual(new Set([13, 14]));
  expect(drawStrokes([line.map(([x, y]) => [x + 50, y / 3 - 7] as const)])).toEqual(image);
  expect(drawStrokes([[[5, 5]]]).some((level) => level > 250)).toBe(true);
});

it('takes drawings of two classes or more, and says what is missing', () => {
  const drawing: Stroke[] = [
    [
      [0, 0],
      [1, 1],
    ],
  ];
  const drawn = (name: string, count: number) => ({ name, drawings: Array<Stroke[]>(count).fill(drawing) });
  const { classes, train: training, test } = drawingsData([drawn('a', 3), drawn('none', 0), drawn('b', 4)]);
  expect(classes).toEqual(['a', 'b']);
  expect([training.labels.length, test.labels.length]).toEqual([12 * 5, 2]);
  expect(() => drawingsData([drawn('a', 3)])).toThrow('draw examples of two classes at least');
  expect(() => drawingsData([drawn('a', 3), drawn('b', 2)])).toThrow('b: draw 3 examples at least');
  expect(() => drawingsData([drawn('a', 3), drawn('a', 3)])).toThrow('two classes are called a');
  expect(() => drawingsData([drawn('a', 3), drawn(' ', 3)])).toThrow('a class has no name');
});
