/** Greedy choices of bits on budgets small enough to work out by hand, and what holds for any. */
import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../test/mulberry32.js';
import { giveBits, individualLimits, takeBits } from './bitAllocation.js';
import { costLimit, excess, keepsLimits, type Limit, memoryLimit } from './budgetLimit.js';
import { networkCost } from './costs.js';
import { bitOperations, type Product, productCost } from './products.js';

/** Three tensors of 8192, 4096 and 8192 elements: 1, ½ and 1 kB a bit. */
const [a, b, c] = [
  { row: 0, count: 8192 },
  { row: 1, count: 4096 },
  { row: 2, count: 8192 },
] as const;
const sum = (kbytes: number): Limit => memoryLimit([{ members: [a, b, c], bits: 0 }], kbytes);
const max = (kbytes: number): Limit =>
  memoryLimit(
    [a, b, c].map((member) => ({ members: [member], bits: 0 })),
    kbytes,
  );
const halving = (_row: number, bits: number) => 4 ** -bits;
const least = [2, 2, 2];

describe('takeBits', () => {
  it('keeps what fits', () => {
    expect(takeBits([4, 4, 4], [sum(10)], least, halving)).toEqual([4, 4, 4]);
  });

  it('takes the bit that costs the least per element, of equal ones the first', () => {
    expect(takeBits([4, 4, 4], [sum(9)], least, halving)).toEqual([3, 4, 4]);
    expect(takeBits([4, 4, 4], [sum(8)], least, halving)).toEqual([3, 4, 3]);
    const dearer = (row: number, bits: number) => (row === 1 ? 0.1 : 1) * 4 ** -bits;
    expect(takeBits([4, 4, 4], [sum(9.5)], least, dearer)).toEqual([4, 3, 4]);
  });

  it('takes only where a set is too large', () => {
    expect(takeBits([4, 7, 3], [max(3)], least, halving)).toEqual([3, 6, 3]);
    expect(takeBits([4, 7, 3], [max(3), sum(7)], least, halving)).toEqual([2, 3, 3]);
  });

  it('counts a row as often as a set holds it', () => {
    const twice = memoryLimit([{ members: [a, c, { row: 0, count: 8192 }], bits: 0 }], 11);
    expect(takeBits([4, 4, 4], [twice], least, halving)).toEqual([3, 4, 4]);
  });

  it('stops at the fewest bits', () => {
    expect(takeBits([4, 4, 4], [sum(1)], least, halving)).toEqual(least);
    expect(excess(sum(1), least)).toBe(4);
  });
});

describe('a limit of products', () => {
  /** 10 multiply-adds of row 0 with bytes, 20 of row 1 with what row 2 gives. */
  const products: Product[] = [
    { multiplyAdds: 10, weight: { row: 0 }, input: { bits: 8 } },
    { multiplyAdds: 20, weight: { row: 1 }, input: { row: 2 } },
  ];
  const limit = (most: number) => costLimit((bits) => productCost(products, bits, bitOperations), most);

  it('counts the product of the widths', () => {
    expect(productCost(products, [4, 3, 5], bitOperations)).toBe(10 * 4 * 8 + 20 * 3 * 5);
    expect(excess(limit(600), [4, 3, 5])).toBe(20);
  });

  it('takes bits by what they save with the other operand as it is', () => {
    // A bit of row 0 saves 80, of row 1 it saves 20 · 2, of row 2 it saves 20 · 6.
    expect(takeBits([4, 6, 2], [limit(559)], [1, 1, 1], () => 0)).toEqual([3, 6, 2]);
    const dear = (row: number, bits: number) => (row === 2 ? 1 : 10) * -bits;
    expect(takeBits([4, 6, 2], [limit(559)], [1, 1, 1], dear)).toEqual([4, 6, 1]);
  });

  it('goes down a step of costs, and up to its edge', () => {
    // A multiply-add of up to 4 bits costs 1, of up to 8 bits 3.
    const table = {
      multiplyAdds: [4, 8].map((bits) => ({ weightBits: bits, inputBits: 8, cost: bits === 4 ? 1 : 3 })),
      ...{ weightBit: 0, activationBit: 0, activation: 0 },
    };
    const steps = (most: number) =>
      costLimit((bits) => networkCost(table, products, { weights: [], max: [], sum: [], peak: [] }, bits), most);
    expect(steps(0).cost([4, 5, 8])).toBe(10 + 60);
    // Bits that save nothing by themselves go on the way down, and come back for nothing.
    const taken = takeBits([8, 8, 8], [steps(70)], [2, 2, 2], halving);
    expect(taken[0]).toBe(4);
    expect(giveBits(taken, [steps(70)], [8, 8, 8], halving)).toEqual([4, 8, 8]);
    expect(giveBits([2, 5, 5], [steps(70)], [8, 8, 8], halving)).toEqual([4, 8, 8]);
    expect(steps(0).cost([9, 5, 8])).toBe(Number.POSITIVE_INFINITY);
  });

  it('stops where nothing is left to take', () => {
    expect(takeBits([4, 6, 2], [limit(1)], [2, 2, 2], halving)).toEqual([2, 2, 2]);
  });

  it('gives what fits', () => {
    // From 10·2·8 + 20·2·2 a bit of row 1, or of row 2, costs 40, of row 0 80; behind the first one, row 2's costs 60.
    expect(giveBits([2, 2, 2], [limit(10 * 2 * 8 + 20 * 4 * 2)], [8, 8, 8], halving)).toEqual([2, 4, 2]);
  });
});

describe('giveBits', () => {
  it('gives the bit that gains the most per element and fits', () => {
    expect(giveBits([2, 2, 2], [sum(5.5)], [8, 8, 8], halving)).toEqual([2, 3, 2]);
    expect(giveBits([2, 2, 2], [sum(7.5)], [8, 8, 8], halving)).toEqual([3, 3, 3]);
    expect(giveBits([2, 2, 2], [sum(8)], [8, 8, 8], halving)).toEqual([3, 4, 3]);
  });

  it('fills every set of a maximum, up to the most bits', () => {
    expect(giveBits([2, 2, 2], [max(4)], [8, 6, 8], halving)).toEqual([4, 6, 4]);
  });

  it('gives nothing that does not help, nor to rows that no limit counts', () => {
    expect(giveBits([2, 2, 2], [sum(100)], [8, 8, 8], () => 1)).toEqual([2, 2, 2]);
    expect(giveBits([2, 2, 2, 2], [sum(100)], [3, 3, 3, 8], halving)).toEqual([3, 3, 3, 2]);
  });
});

it('individual limits: what a row can have while the others have the least', () => {
  expect(individualLimits([sum(8)], least, [8, 8, 4])).toEqual([5, 8, 4]);
  expect(individualLimits([max(3)], least, [8, 8, 8])).toEqual([3, 6, 3]);
});

it('any budget that can be met is met, and no bit is left that would fit', () => {
  const random = mulberry32(3);
  for (let trial = 0; trial < 200; trial++) {
    const counts = Array.from({ length: 8 }, () => 1 + Math.floor(5000 * random()));
    const members = counts.map((count, row) => ({ row, count }));
    const pairs = members.slice(1).map((member, i) => ({ members: [members[i]!, member], bits: 100 }));
    const smallest = counts.map(() => 1 + Math.floor(2 * random()));
    const start = smallest.map((bits) => bits + Math.floor(6 * random()));
    const needed = (limit: Limit) => excess(limit, smallest) * (1 + random());
    const whole = [{ members, bits: 0 }];
    const products = counts.map(
      (multiplyAdds, row): Product => ({
        ...{ multiplyAdds, weight: { row } },
        input: row > 0 ? { row: row - 1 } : { bits: 8 },
      }),
    );
    const operations = (bits: readonly number[]) => productCost(products, bits, bitOperations);
    const limits = [
      memoryLimit(whole, needed(memoryLimit(whole, 0))),
      memoryLimit(pairs, needed(memoryLimit(pairs, 0))),
      costLimit(operations, needed(costLimit(operations, 0))),
    ];
    const weights = counts.map(() => random());
    const error = (row: number, bits: number) => weights[row]! * 4 ** -bits;
    const taken = takeBits(start, limits, smallest, error);
    expect(keepsLimits(limits, taken)).toBe(true);
    const given = giveBits(
      taken,
      limits,
      counts.map(() => 16),
      error,
    );
    expect(keepsLimits(limits, given)).toBe(true);
    for (const [row, bits] of given.entries()) {
      expect(bits).toBeGreaterThanOrEqual(taken[row]!);
      if (bits < 16) expect(keepsLimits(limits, given.with(row, bits + 1))).toBe(false);
    }
  }
});
