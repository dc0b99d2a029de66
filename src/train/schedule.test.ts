import { describe, expect, it } from 'vitest';
import { averageWeight, learningRate, type RateSettings, stepSize } from './schedule.js';

const settings = (changes: Partial<RateSettings> = {}): RateSettings => ({
  epochs: 10,
  initialLearningRate: 0.1,
  schedule: 'step',
  learningRateDrops: [5, 8],
  warmupEpochs: 0,
  ...changes,
});

/** The rates of all steps, four an epoch. */
const rates = (changes: Partial<RateSettings>): number[] => {
  const each = settings(changes);
  return Array.from({ length: 4 * each.epochs }, (_, step) => learningRate(each, step, 4));
};

describe('the learning rate', () => {
  it('drops after the configured epochs, as published', () => {
    const expected = Array.from({ length: 40 }, (_, step) => 0.1 / (step < 20 ? 1 : step < 32 ? 10 : 100));
    expect(rates({})).toEqual(expected);
  });

  it('falls to 0 along half a cosine', () => {
    const all = rates({ schedule: 'cosine' });
    expect(all[0]).toBe(0.1);
    expect(all[10]).toBeCloseTo(0.05 * (1 + Math.SQRT1_2), 12);
    expect(all[20]).toBeCloseTo(0.05, 12);
    expect(all.every((rate, step) => step === 0 || (rate < all[step - 1]! && rate > 0))).toBe(true);
    expect(learningRate(settings({ schedule: 'cosine' }), 40, 4)).toBeCloseTo(0, 12);
  });

  it('rises linearly, step by step, to what the schedule says', () => {
    expect(rates({ warmupEpochs: 1 }).slice(0, 5)).toEqual([0.25, 0.5, 0.75, 1, 1].map((part) => 0.1 * part));
    expect(rates({ warmupEpochs: 6 }).slice(19, 25)).toEqual([
      0.1 * (20 / 24),
      ...[21, 22, 23, 24, 24].map((part) => (0.1 * (part / 24)) / 10),
    ]);
    expect(rates({ warmupEpochs: 0.5 }).slice(0, 3)).toEqual([0.05, 0.1, 0.1]);
    expect(rates({ warmupEpochs: 0.1 })).toEqual(rates({}));
  });

  it('follows the cosine over what the warm-up leaves', () => {
    const all = rates({ schedule: 'cosine', warmupEpochs: 2 });
    expect(all.slice(0, 9)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 8].map((part) => 0.1 * (part / 8)));
    expect(all[24]).toBeCloseTo(0.05, 12);
    expect(learningRate(settings({ schedule: 'cosine', warmupEpochs: 2 }), 40, 4)).toBeCloseTo(0, 12);
  });

  it('carries the bias corrections of Adam', () => {
    const adam = { type: 'adam', beta1: 0.9, beta2: 0.99, epsilon: 1e-8 } as const;
    expect(stepSize(adam, 0.5, 1)).toBeCloseTo((0.5 * 0.1) / 0.1, 12);
    expect(stepSize({ type: 'momentum', momentum: 0.9 }, 0.5, 1)).toBe(0.5);
  });
});

it('the averages take more of the first steps', () => {
  expect([1, 8, 80].map((step) => averageWeight(0.9, step))).toEqual([9 / 11, 9 / 18, 9 / 90]);
  expect(averageWeight(0.999, 9000)).toBe(1 - 0.999);
});
