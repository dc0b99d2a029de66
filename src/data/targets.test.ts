import { expect, it } from 'vitest';
import { checkedTargets } from './targets.js';

it('numbers without a shape of their own are one an input', () => {
  expect(checkedTargets('values', [0.5, 2], [], 'y')).toEqual({ values: Float32Array.of(0.5, 2), shape: [1] });
  expect(checkedTargets('values', [0.5, 2], [2], 'y').shape).toEqual([2]);
});
