import { expect, it } from 'vitest';
import { lateErrorOf } from './rowResult.js';

/** Results of some epochs whose held out and test errors differ from one another. */
const epochs = (count: number) => Array.from({ length: count }, (_, at) => ({ val_err: at / 100, test_err: at / 50 }));

it('averages the test error over the last tenth of the epochs, and at least one', () => {
  expect(lateErrorOf(epochs(30), { select: 'validation', epochs: 30 })).toBeCloseTo((27 + 28 + 29) / 3 / 50, 12);
  expect(lateErrorOf(epochs(4), { select: 'validation', epochs: 4 })).toBe(3 / 50);
});

it('takes the error of every epoch where it is of the test images, and has none where there is none', () => {
  expect(lateErrorOf(epochs(20), { select: 'test', epochs: 20 })).toBeCloseTo(0.185, 12);
  expect(lateErrorOf(epochs(20), { select: 'last', epochs: 20 })).toBeCloseTo(0.185, 12);
  expect(lateErrorOf([{ val_err: 0.5 }], { select: 'validation', epochs: 1 })).toBeNull();
});
