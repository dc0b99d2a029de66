import { expect, it } from 'vitest';
import { columnsOf } from './bands.js';

const curve = (y: readonly number[]) => ({ x: y.map((_, index) => index / 100), y: [...y] });

it('has a column a point where there are fewer than pixels: the values as they are', () => {
  const y = [3, 1, 4, 1, 5];
  const columns = columnsOf(curve(y), [0, 1], 100);
  expect(columns.map(({ mean }) => mean)).toEqual(y);
  expect(columns.map(({ least, most }) => most - least)).toEqual([0, 0, 0, 0, 0]);
});

it('keeps every extreme where pixels have several points', () => {
  const y = Array.from({ length: 100 }, (_, index) => (index === 37 ? 90 : index === 62 ? -7 : 1));
  const columns = columnsOf(curve(y), [0, 1], 10);
  expect(columns).toHaveLength(10);
  expect(columns[3]).toMatchObject({ least: 1, most: 90 });
  expect(columns[6]).toMatchObject({ least: -7, most: 1 });
  expect(columns[3]!.mean).toBeCloseTo(9.9, 10);
  expect(columns[0]).toMatchObject({ least: 1, mean: 1, most: 1 });
});

it('takes the neighbours on both sides, so that lines run to the edges, and passes over what is no number', () => {
  const y = [1, 2, Number.NaN, 4, 5, 6];
  expect(columnsOf(curve(y), [0.015, 0.035], 100).map(({ mean }) => mean)).toEqual([2, 4, 5]);
});
