/** Other bits for a quantizer: as many as asked for, in float32 too, with the best step or the same range. */
import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../test/exampleQuantizer.js';
import { mulberry32 } from '../../test/mulberry32.js';
import {
  effectiveRange,
  inferredBits,
  largestBits,
  parameterNames,
  quantizerKinds,
  smallestBits,
  startWithStep,
} from './index.js';
import { requantizeActivation, requantizeWeights } from './requantization.js';
import { squaredError } from './squaredError.js';

const learned = quantizerKinds.filter((kind) => parameterNames(kind).length > 0);

/** Sums of four uniform numbers: a bell. */
function bell(count: number, width: number): Float32Array {
  const random = mulberry32(17);
  return Float32Array.from({ length: count }, () => width * (random() + random() + random() + random() - 2));
}

describe('smallestBits', () => {
  it('is the configured minimum, unless the limits of the range need more', () => {
    expect(smallestBits(exampleQuantizer('parametric_fp_d_xmax'))).toBe(2);
    expect(smallestBits(exampleQuantizer('parametric_fp_d_xmax', { role: 'activation' }))).toBe(1);
    expect(smallestBits(exampleQuantizer('parametric_pow2_xmin_xmax', { role: 'activation' }))).toBe(1);
    expect(smallestBits(exampleQuantizer('parametric_fp_b_xmax'))).toBe(2);
    expect(smallestBits(exampleQuantizer('fp'))).toBe(4);
    const wide = { d: { min: 2 ** -8, max: 2 ** -4 }, xmax: { min: 1, max: 127 } };
    expect(smallestBits(exampleQuantizer('parametric_fp_d_xmax', { bounds: wide }))).toBe(6);
  });
});

describe('largestBits', () => {
  it('is the configured maximum, unless the limits of the range reach less', () => {
    expect(largestBits(exampleQuantizer('parametric_fp_d_xmax'))).toBe(8);
    expect(largestBits(exampleQuantizer('parametric_pow2_xmin_xmax'))).toBe(6);
    expect(largestBits(exampleQuantizer('parametric_fp_d_b'))).toBe(8);
    expect(largestBits(exampleQuantizer('fp'))).toBe(4);
  });
});

describe('requantizeWeights', () => {
  const weights = bell(3000, 0.1);

  it.each(learned)('%s: has the bits, and no step is better', (kind) => {
    const q = exampleQuantizer(kind);
    for (const bits of [2, 3, 5]) {
      const { values, error } = requantizeWeights(q, bits, startWithStep(q, 0.125).parameters, weights);
      expect(inferredBits(q, ...values)).toBe(bits);
      expect(inferredBits(q, Math.fround(values[0]), Math.fround(values[1]))).toBe(bits);
      expect(error).toBe(squaredError(q, ...values, weights));
      for (let k = -8; k <= 0; k++) {
        const other = startWithStep({ ...q, bitwidth: bits }, 2 ** k).parameters;
        if (inferredBits(q, ...other) <= bits) expect(squaredError(q, ...other, weights)).toBeGreaterThanOrEqual(error);
      }
    }
  });

  it('loses less with more bits', () => {
    const q = exampleQuantizer('parametric_fp_d_xmax');
    const errors = [2, 3, 4, 5, 6].map((bits) => requantizeWeights(q, bits, [0.125, 0.875], weights).error);
    expect(errors).toEqual([...errors].sort((x, y) => y - x));
    expect(errors[0]).toBeGreaterThan(2 * errors[2]!);
  });

  it('keeps the range where all weights are 0, and what cannot be learned', () => {
    const q = exampleQuantizer('parametric_fp_d_xmax');
    expect(requantizeWeights(q, 3, [0.125, 0.875], [0, 0])).toEqual({
      values: [0.25, expect.closeTo(0.875, 5)],
      error: 0,
    });
    const fixed = exampleQuantizer('fp', { fixed: [4, 0.125] });
    expect(requantizeWeights(fixed, 2, [0, 0], weights).values).toEqual([0, 0]);
  });
});

describe('requantizeActivation', () => {
  it.each(learned)('%s: has the bits and keeps the range as far as its steps allow', (kind) => {
    const q = exampleQuantizer(kind, { role: 'activation' });
    const start = startWithStep({ ...q, bitwidth: 4 }, 0.125).parameters;
    const [, end] = effectiveRange(q, ...start);
    for (const bits of [2, 3, 4, 5]) {
      const values = requantizeActivation(q, bits, ...start);
      expect(inferredBits(q, ...values)).toBe(bits);
      expect(inferredBits(q, Math.fround(values[0]), Math.fround(values[1]))).toBe(bits);
      // xmin has limits: beyond them the range that hangs on it ends elsewhere.
      const [, high] = effectiveRange(q, ...values);
      if (kind !== 'parametric_pow2_b_xmin' || bits < 5)
        expect(Math.abs(Math.log2(high / end))).toBeLessThanOrEqual(0.5);
    }
  });

  it('doubles the step of U3 for a bit less and halves it for one more', () => {
    const q = exampleQuantizer('parametric_fp_d_xmax', { role: 'activation' });
    expect(requantizeActivation(q, 3, 0.125, 1.8)).toEqual([0.25, 1.8]);
    expect(requantizeActivation(q, 5, 0.125, 1.8)).toEqual([0.0625, 1.8]);
    // 15 steps are one level too many for 7 steps of twice the size.
    const [d, xmax] = requantizeActivation(q, 3, 0.125, 1.875);
    expect([d, xmax]).toEqual([0.25, expect.closeTo(1.875, 5)]);
    expect(xmax).toBeLessThan(1.875);
  });

  it('lowers the range where the step would leave its limits', () => {
    const q = exampleQuantizer('parametric_fp_d_xmax', { role: 'activation' });
    const [d, xmax] = requantizeActivation(q, 2, 1 - 1e-5, 15);
    expect(inferredBits(q, d, xmax)).toBe(2);
    expect(d).toBe(1 - 1e-5);
    expect(xmax).toBeCloseTo(3.5, 4);
  });
});
