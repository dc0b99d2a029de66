import { describe, expect, it } from 'vitest';
import { agrees, trialValues } from './agreement.js';

describe('agreement of results', () => {
  const expected = trialValues(1000, 3, 7);

  it('allows what rounding operands to their bits costs, and no more', () => {
    const off = (relative: number) => expected.map((value, i) => (i === 500 ? value + 3 * relative : value));
    expect(agrees(off(1e-3), expected, 'float16')).toBe(true);
    expect(agrees(off(3e-3), expected, 'float16')).toBe(false);
    expect(agrees(off(1e-3), expected, 'float16x2')).toBe(false);
  });

  it('refuses what is not a number', () => {
    expect(agrees(new Float32Array(1000).fill(Number.NaN), expected, 'float16')).toBe(false);
  });

  it('draws the same numbers for the same seed, within their magnitude', () => {
    expect(trialValues(1000, 3, 7)).toEqual(expected);
    expect(trialValues(1000, 3, 8)).not.toEqual(expected);
    expect(Math.max(...expected.map(Math.abs))).toBeLessThanOrEqual(3);
  });
});
