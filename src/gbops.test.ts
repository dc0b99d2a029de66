import { expect, it } from 'vitest';
import { gbopsText } from './gbops.js';

it('shows three digits of bit operations, and those of large networks without an exponent', () => {
  expect([1861.6, 41.7333, 0.44898, 0.0013].map(gbopsText)).toEqual(['1860', '41.7', '0.449', '0.0013']);
});
