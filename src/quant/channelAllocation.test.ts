import { expect, it } from 'vitest';
import { takeBitsAndChannels } from './channelAllocation.js';

/** Two layers of 4 channels: 3 inputs to 4 channels, 4 channels to 2 outputs; a bias of 2. */
const set = {
  members: [
    { row: 0, count: 12 },
    { row: 1, count: 8 },
    { row: 2, count: 2 },
  ],
  bits: 0,
};
const groups = [{ rows: [0, 1], losses: [4, 1, 3, 2] }];
const smallest = [2, 2, 2];
const kbytes = (bits: number) => bits / 8192;
const flat = () => 0;

/** Bits of what is left. */
function bitsOf({ bits, gone }: ReturnType<typeof takeBitsAndChannels>): number {
  const left = 4 - gone[0]!.length;
  return bits[0]! * 3 * left + bits[1]! * 2 * left + bits[2]! * 2;
}

it('takes bits as long as these cost nothing, then the channels that cost the least', () => {
  const cheap = takeBitsAndChannels([4, 4, 4], set, kbytes(44), groups, smallest, flat);
  expect(cheap).toEqual({ bits: [2, 2, 2], gone: [[]] });
  const fewer = takeBitsAndChannels([4, 4, 4], set, kbytes(30), groups, smallest, flat);
  expect(fewer).toEqual({ bits: [2, 2, 2], gone: [[1, 3]] });
  expect(bitsOf(fewer)).toBe(24);
});

it('takes channels before bits that cost more for what they save', () => {
  const dear = (_row: number, bits: number) => 1000 * 4 ** -bits;
  const allocation = takeBitsAndChannels([4, 4, 4], set, kbytes(68), groups, smallest, dear);
  expect(allocation).toEqual({ bits: [4, 4, 4], gone: [[1]] });
  expect(bitsOf(allocation)).toBe(68);
});

it('keeps a channel of each group, and what is too much then', () => {
  const allocation = takeBitsAndChannels([4, 4, 4], set, 0, groups, smallest, flat);
  expect(allocation).toEqual({ bits: [2, 2, 2], gone: [[1, 3, 2]] });
});
