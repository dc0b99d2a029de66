/** The second opinion against allocations that can be checked by hand. */

import { expect, it } from 'vitest';
import { type Limit, memoryLimit } from '../quant/index.js';
import { preferredBits, sizeLimits, type TensorSensitivity } from './sensitivity.js';

/** A weight of one kB a bit that had 4 bits, with the rises of the loss by other bits. */
function tensor(rises: Readonly<Record<number, number>>): TensorSensitivity {
  const others = Object.entries(rises).map(([bits, rise]) => ({ bits: Number(bits), loss: 1 + rise, error: 0 }));
  return { tensor: 't', role: 'weight', bits: 4, kbytesPerBit: 1, others };
}

function limit(kbytes: number, tensors: number): Limit {
  const members = Array.from({ length: tensors }, (_, row) => ({ row, count: 8192 }));
  return memoryLimit([{ members, bits: 0 }], kbytes);
}

it('takes a bit from where the loss minds least to where it helps most', () => {
  const tensors = [tensor({ 3: 0.001, 5: -0.001 }), tensor({ 3: 0.5, 5: -0.4 }), tensor({ 3: 0.2, 5: 0 })];
  expect(preferredBits(tensors, 1, [limit(12, 3)])).toEqual([3, 5, 4]);
});

it('keeps the bits where every change hurts', () => {
  const tensors = [tensor({ 3: 0.1, 5: 0.1 }), tensor({ 3: 0.1, 5: 0.1 })];
  expect(preferredBits(tensors, 1, [limit(8, 2)])).toEqual([4, 4]);
});

it('leaves room unused rather than take bits that hurt', () => {
  expect(preferredBits([tensor({ 3: -0.1, 5: 0.3 })], 1, [limit(9, 1)])).toEqual([3]);
});

it('makes no size larger: not the sum of activations for one that is smaller than the largest', () => {
  const members = [16384, 8192].map((count, row) => ({ row, count }));
  const sets = {
    weights: [],
    max: members.map((of) => ({ members: [of], bits: 0 })),
    sum: [{ members, bits: 0 }],
    peak: [],
  };
  const tensors = [tensor({ 3: 0.9, 5: -0.1 }), tensor({ 3: 0.1, 5: -0.4 })];
  expect(preferredBits(tensors, 1, sizeLimits(sets, [4, 4]))).toEqual([4, 4]);
  expect(preferredBits(tensors, 1, sizeLimits({ ...sets, sum: [] }, [4, 4]))).toEqual([4, 5]);
});
