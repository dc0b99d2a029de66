import { expect, it } from 'vitest';
import { type Left, takeBitsAndChannels } from './channelAllocation.js';

/** Two layers: 3 inputs to 4 channels, 4 channels to 2 outputs; a bias of 2, and something that no limit counts. */
const counts = [12, 8, 2];
const groups = [{ rows: [0, 1], losses: [4, 1, 3, 2] }];
const flat = () => 0;

function take(most: number, error: (row: number, bits: number) => number, step = 1) {
  const cost = (left: Left) => (bits: readonly number[]) =>
    counts.reduce((sum, count, row) => sum + bits[row]! * left(row, count), 0);
  const allocation = takeBitsAndChannels([4, 4, 4, 4], { most, cost }, { groups, step, smallest: [2, 2, 2, 2], error });
  const left = 4 - allocation.gone[0]!.length;
  const [first, second, bias] = allocation.bits as [number, number, number, number];
  return { ...allocation, cost: first * 3 * left + second * 2 * left + bias * 2 };
}

it('takes bits as long as these cost nothing, then the channels that cost the least', () => {
  expect(take(44, flat)).toEqual({ bits: [2, 2, 2, 4], gone: [[]], cost: 44 });
  expect(take(30, flat)).toEqual({ bits: [2, 2, 2, 4], gone: [[1, 3]], cost: 24 });
});

it('takes channels before bits that cost more for what they save', () => {
  const dear = (_row: number, bits: number) => 1000 * 4 ** -bits;
  expect(take(68, dear)).toEqual({ bits: [4, 4, 4, 4], gone: [[1]], cost: 68 });
});

it('takes channels in steps, and leaves a step of them', () => {
  expect(take(43, flat, 2)).toEqual({ bits: [2, 2, 2, 4], gone: [[1, 3]], cost: 24 });
  expect(take(0, flat, 2).gone).toEqual([[1, 3]]);
  expect(take(0, flat, 3).gone).toEqual([[]]);
  expect(take(0, flat)).toEqual({ bits: [2, 2, 2, 4], gone: [[1, 3, 2]], cost: 14 });
});
