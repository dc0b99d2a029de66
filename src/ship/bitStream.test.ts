import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { packIntegers, streamBytes, unpackIntegers } from './bitStream.js';
import { codeBits, type Grid, integersOf } from './integerNetwork.js';

const grids: [string, Grid, number][] = [
  ['one bit, unsigned', { type: 'uniform', lo: 0, hi: 1 }, 1],
  ['two bits, signed', { type: 'uniform', lo: -1, hi: 1 }, 2],
  ['three bits, signed', { type: 'uniform', lo: -3, hi: 3 }, 3],
  ['five bits, unsigned', { type: 'uniform', lo: 0, hi: 27 }, 5],
  ['eight bits, signed', { type: 'uniform', lo: -127, hi: 127 }, 8],
  ['unsigned powers', { type: 'powers', signed: false, hi: 2 ** 14 }, 4],
  ['signed powers', { type: 'powers', signed: true, hi: 2 ** 15 }, 5],
];

describe.each(grids)('a stream of %s', (_, grid, bits) => {
  it('has as many bits a code as the grid needs', () => expect(codeBits(grid)).toBe(bits));

  it('gives back what was put in, in whole bytes, also at more bits than are needed', () => {
    const { uniform } = createRandom(3);
    const integers = integersOf(grid);
    const values = Array.from({ length: 1001 }, () => integers[Math.floor(integers.length * uniform())]!);
    for (const width of [bits, bits + 1, 16]) {
      const stream = packIntegers(values, grid, width);
      expect(stream.length).toBe(streamBytes(values.length, width));
      expect([...unpackIntegers(stream, values.length, grid, width)]).toEqual(values);
    }
  });
});

it('begins with the lowest bits of the first byte', () => {
  expect([...packIntegers([1, 2, 3, 0, 5], { type: 'uniform', lo: 0, hi: 7 }, 3)]).toEqual([
    0b11_010_001, 0b0101_000_0,
  ]);
});
