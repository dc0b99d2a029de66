import { describe, expect, it } from 'vitest';
import { identityWord, packAugmentation, unpackAugmentation } from './augmentation.js';
import { type BatchTable, evaluationBatches, trainingEpoch } from './batches.js';
import { createRandom } from './random.js';

const indices = ({ entries }: BatchTable) => [...entries.filter((_, position) => position % 2 === 0)];
const words = ({ entries }: BatchTable) => [...entries.filter((_, position) => position % 2 === 1)];

describe('augmentation word', () => {
  it('has the documented bits', () => {
    expect(packAugmentation({ dy: -4, dx: 3, mirror: true })).toBe((124 << 16) | (131 << 8) | 1);
    expect(identityWord).toBe(0x808000);
  });

  it('survives packing at the limits', () => {
    for (const dy of [-127, -1, 0, 127]) {
      for (const dx of [-127, 0, 1, 127]) {
        for (const mirror of [false, true]) {
          expect(unpackAugmentation(packAugmentation({ dy, dx, mirror }))).toEqual({ dy, dx, mirror });
        }
      }
    }
  });
});

describe('trainingEpoch', () => {
  it('takes each image at most once and drops the last partial batch', () => {
    const table = trainingEpoch(103, 10, createRandom(1), { shift: 4, mirror: true });
    expect([table.batches, table.batchSize, table.entries.length]).toEqual([10, 10, 200]);
    expect(new Set(indices(table)).size).toBe(100);
    expect(indices(table).every((index) => index >= 0 && index < 103)).toBe(true);
    expect(indices(table)).not.toEqual(indices(table).toSorted((a, b) => a - b));
  });

  it('draws every shift and both orientations, and nothing else', () => {
    const drawn = words(trainingEpoch(5000, 100, createRandom(2), { shift: 2, mirror: true })).map(unpackAugmentation);
    const all = [-2, -1, 0, 1, 2];
    expect([...new Set(drawn.map(({ dy }) => dy))].toSorted((a, b) => a - b)).toEqual(all);
    expect([...new Set(drawn.map(({ dx }) => dx))].toSorted((a, b) => a - b)).toEqual(all);
    const mirrored = drawn.filter(({ mirror }) => mirror).length;
    expect(mirrored).toBeGreaterThan(2300);
    expect(mirrored).toBeLessThan(2700);
  });

  it('leaves images as they are where nothing is asked for', () => {
    const table = trainingEpoch(20, 10, createRandom(2), { shift: 0, mirror: false });
    expect(new Set(words(table))).toEqual(new Set([identityWord]));
  });

  it('depends on the generator alone, and moves it on', () => {
    const augment = { shift: 4, mirror: true };
    const random = createRandom(5);
    const first = trainingEpoch(100, 10, random, augment);
    expect(trainingEpoch(100, 10, createRandom(5), augment)).toEqual(first);
    expect(trainingEpoch(100, 10, random, augment)).not.toEqual(first);
  });

  it('draws a crop of the very image of each entry, from the same generator', () => {
    const cropSizes = Int32Array.from({ length: 200 }, (_, position) => 20 + position);
    const augment = { shift: 0, mirror: true, cropSizes };
    const table = trainingEpoch(100, 10, createRandom(4), augment);
    const crops = Array.from({ length: 100 }, (_, entry) => [...table.crops!.subarray(4 * entry, 4 * entry + 4)]);
    for (const [entry, image] of indices(table).entries()) {
      const [left, top, width, height] = crops[entry] as [number, number, number, number];
      expect(left + width).toBeLessThanOrEqual(cropSizes[2 * image]!);
      expect(top + height).toBeLessThanOrEqual(cropSizes[2 * image + 1]!);
      expect(Math.min(left + 1, top + 1, width, height)).toBeGreaterThan(0);
    }
    expect(new Set(crops.map(String)).size).toBeGreaterThan(90);
    expect(trainingEpoch(100, 10, createRandom(4), augment)).toEqual(table);
    expect(trainingEpoch(100, 10, createRandom(4), { shift: 0, mirror: true }).crops).toBeUndefined();
  });

  it('refuses a batch that cannot be filled and a shift that does not fit', () => {
    const random = createRandom(1);
    expect(() => trainingEpoch(9, 10, random, { shift: 0, mirror: false })).toThrow('has only 9 images');
    expect(() => trainingEpoch(90, 10, random, { shift: 128, mirror: false })).toThrow('from 0 to 127');
  });
});

describe('evaluationBatches', () => {
  it('goes through the images in order and pads the last batch', () => {
    const table = evaluationBatches(5, 3);
    expect(table.batches).toBe(2);
    expect(indices(table)).toEqual([0, 1, 2, 3, 4, -1]);
    expect(new Set(words(table))).toEqual(new Set([identityWord]));
  });

  it('pads nothing where the batches are full', () => {
    expect(indices(evaluationBatches(4, 2))).toEqual([0, 1, 2, 3]);
  });
});
