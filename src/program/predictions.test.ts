import { expect, it } from 'vitest';
import { answers, predictions } from './predictions.js';

const [names, fault] = [['a', 'b'], 'the network puts out no finite numbers'];

it('takes the first of equal logits', () => {
  expect(predictions(Float64Array.of(2, 2, 0, 1), names).map(({ label }) => label)).toEqual([0, 1]);
});

it('tells the class of each pixel, of equal logits the first', () => {
  const answer = { shape: [1, 3], classes: [0, 1, 0], shares: [2 / 3, 1 / 3] };
  expect(answers('pixels', Float64Array.of(2, 2, 0, 1, 5, -1), [1, 3, 2], names)).toEqual([answer]);
});

it('refuses outputs that are not finite, of whatever task', () => {
  const outputs = Float64Array.of(1, 2, 3, Number.NaN);
  expect(() => predictions(outputs, names)).toThrow(`input 1: ${fault}`);
  for (const loss of ['values', 'labels', 'pixels'] as const) {
    expect(() => answers(loss, outputs, [1, 1, 2], names), loss).toThrow(`input 1: ${fault}`);
    expect(answers(loss, outputs.subarray(0, 2), [1, 1, 2], names), loss).toHaveLength(1);
  }
});
