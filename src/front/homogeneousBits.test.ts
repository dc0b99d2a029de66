/** The most bits that fit, by hand. */

import { expect, it } from 'vitest';
import { type Limit, memoryLimit, type Quantizer } from '../quant/index.js';
import { endsOf, homogeneousBits } from './homogeneousBits.js';

const quantizers = [
  ['conv', 'weight', 1024],
  ['conv', 'activation', 2048],
  ['deep', 'weight', 8192],
  ['fc', 'weight', 1024],
  ['fc', 'bias', 0],
].map(([name, role, count]) => ({ name, role, count }) as unknown as Quantizer);

/** Weights of `kbytes` at most: 10 · 1024 elements, so 1.25 kB a bit. */
function limit(kbytes: number): Limit {
  const members = quantizers.flatMap(({ role, count }, row) => (role === 'activation' ? [] : [{ row, count }]));
  return memoryLimit([{ members, bits: 0 }], kbytes);
}

const range = { least: 2, most: 8 };

it('takes the most bits that fit, the limit included', () => {
  const bits = (kbytes: number) => homogeneousBits(quantizers, [limit(kbytes)], range);
  expect([2.4, 2.5, 3.74, 3.75, 4.9, 10, 99].map(bits)).toEqual([null, 2, 2, 3, 3, 8, 8]);
  expect(homogeneousBits(quantizers, [], range)).toBe(8);
});

it('leaves 8 bits to the first and the last layer', () => {
  const ends = endsOf(quantizers);
  expect(ends.map(({ name, role }) => `${name} ${role}`)).toEqual(['conv weight', 'fc weight', 'fc bias']);
  // 2 · 1024 elements of 8 bits are 2 kB, the others 1 kB a bit.
  const bits = (kbytes: number) => homogeneousBits(quantizers, [limit(kbytes)], range, ends);
  expect([3.9, 4, 4.9, 5, 10].map(bits)).toEqual([null, 2, 2, 3, 8]);
});
