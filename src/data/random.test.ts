import { describe, expect, it } from 'vitest';
import { createRandom } from './random.js';

const take = (random: { uint32(): number }, count: number) => Array.from({ length: count }, () => random.uint32());

describe('createRandom', () => {
  it('gives the numbers of the published recurrence', () => {
    // Computed by a separate Python program from the recurrence of PractRand's sfc32.
    expect(take(createRandom(313), 4)).toEqual([550150112, 2527685762, 3518493703, 943324235]);
    expect(take(createRandom(313, 2), 2)).toEqual([824828167, 1219298420]);
    expect(take(createRandom(-5), 2)).toEqual([1588870557, 3746422921]);
  });

  it('goes on exactly after its state was restored elsewhere', () => {
    const random = createRandom(7);
    take(random, 100);
    random.normal();
    const state = JSON.parse(JSON.stringify(random.getState()));
    const expected = [...take(random, 10), random.normal(), random.below(10)];
    const other = createRandom(1);
    other.setState(state);
    expect([...take(other, 10), other.normal(), other.below(10)]).toEqual(expected);
    expect(state.every((word: number) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(true);
  });

  it('is uniform and normal to within four standard errors', () => {
    const random = createRandom(3);
    const count = 100_000;
    const mean = (draw: () => number) => Array.from({ length: count }, draw).reduce((sum, x) => sum + x, 0) / count;
    const standardError = 1 / Math.sqrt(count);
    expect(Math.abs(mean(() => random.uniform()) - 0.5)).toBeLessThan(4 * standardError * Math.sqrt(1 / 12));
    expect(Math.abs(mean(() => random.normal()))).toBeLessThan(4 * standardError);
    expect(Math.abs(mean(() => random.normal() ** 2) - 1)).toBeLessThan(4 * standardError * Math.SQRT2);
    const counts = [0, 0, 0, 0, 0];
    for (let draw = 0; draw < count; draw++) counts[random.below(5)]!++;
    for (const found of counts) expect(Math.abs(found - count / 5)).toBeLessThan(4 * Math.sqrt(count * 0.16));
  });

  it('shuffles into a permutation', () => {
    const values = Int32Array.from({ length: 50 }, (_, index) => index);
    createRandom(1).shuffle(values);
    expect([...values]).not.toEqual([...values.toSorted()]);
    expect([...values.toSorted()]).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('draws again where a number would favour the first of three', () => {
    const random = createRandom(1);
    // The next number is 2^32 - 1, the only one too many for thirds; the one behind it is 1.
    random.setState([2 ** 32 - 1, 0, 0, 0]);
    expect(random.below(3)).toBe(1);
  });
});
