/** Channels with steps of their own: as many levels as the tensor, where they start, and other bits for them. */
import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../test/exampleQuantizer.js';
import { mulberry32 } from '../../test/mulberry32.js';
import { channelScale, exponentGradient, exponentLimits } from './channelExponents.js';
import { effectiveRange, inferredBits, quantizeValue, requantizeWeights, squaredError } from './index.js';
import { startExponents, startFromWeights } from './startValues.js';

const free = { min: 2 ** -12, max: 2 ** 12 };
const q = exampleQuantizer('parametric_fp_d_xmax', { bounds: { d: free, xmax: free } });

describe('channelScale', () => {
  it('is the power of two next to the exponent, within its limits', () => {
    const exponents = [0, 0.4999, 0.5, -0.5, 1.5, -2.6, 7.5, 8, 8.5, 100, -7.5, -8.5, -100];
    expect(exponents.map(channelScale).map(Math.log2)).toEqual([0, 0, 1, -1, 2, -3, 8, 8, 8, 8, -8, -8, -8]);
  });

  it('leaves all channels the levels that the bits of the tensor can number, at every clip and tie', () => {
    const random = mulberry32(5);
    for (let i = 0; i < 300; i++) {
      const [d, xmax] = [0.01 + random(), 0.01 + 50 * random()];
      const [e0, e1] = effectiveRange(q, d, xmax);
      const scale = channelScale(20 * random() - 10);
      const value = (x: number) => quantizeValue('uniform', true, scale * e0, scale * e1, x);
      const largest = value(1e9) / (scale * e0);
      expect(Number.isInteger(largest)).toBe(true);
      expect(largest).toBeLessThanOrEqual(2 ** (inferredBits(q, d, xmax) - 1) - 1);
      const levels = Math.floor(e1 / e0);
      const ties = Array.from({ length: levels }, (_, level) => (level + 0.5) * e0);
      for (const x of [...ties, e1, e1 * (1 + 1e-12), e1 * (1 - 1e-12), 0]) {
        expect(value(scale * x)).toBe(scale * quantizeValue('uniform', true, e0, e1, x));
        expect(value(-scale * x)).toBe(-value(scale * x));
      }
    }
  });
});

describe('exponentGradient', () => {
  it('drops what leads out of the limits, and only that', () => {
    const { min, max } = exponentLimits;
    const gradient = (exponent: number, sum: number) => Math.sign(exponentGradient(exponent, 0.25, 2, sum, 0));
    expect([max, max + 3].flatMap((k) => [gradient(k, 1), gradient(k, -1)])).toEqual([1, 0, 1, 0]);
    expect([min, min - 3].flatMap((k) => [gradient(k, 1), gradient(k, -1)])).toEqual([0, -1, 0, -1]);
    expect([max - 1e-9, 0, min + 1e-9].flatMap((k) => [gradient(k, 1), gradient(k, -1)])).toEqual([
      1, -1, 1, -1, 1, -1,
    ]);
  });
});

/** Four channels of 50 weights each, of widths far apart, the last of them zeros. */
const widths = [1, 0.3, 0.004, 0];
const weights = (() => {
  const random = mulberry32(11);
  return Float64Array.from({ length: 200 }, (_, i) => widths[i % 4]! * (random() + random() - 1));
})();

describe('startExponents', () => {
  it.each([2, 4, 5, 8])('gives each channel the step that its weights have by themselves, %i bits', (bitwidth) => {
    const description = { ...q, bitwidth };
    const [step] = startFromWeights(description, weights).parameters;
    const exponents = startExponents(description, weights, 4);
    for (const channel of [0, 1, 2]) {
      const own = weights.filter((_, i) => i % 4 === channel);
      expect(step * channelScale(exponents[channel]!)).toBe(startFromWeights(description, own).parameters[0]);
    }
    expect(exponents[3]).toBe(0);
  });

  it('keeps the limits', () => {
    expect([...startExponents(q, [1, 1e-6, 1, 1e-6], 2)]).toEqual([0, exponentLimits.min]);
  });
});

describe('other bits', () => {
  const scales = [...startExponents(q, weights, 4)].map(channelScale);

  it('leave the error of every channel in its own unit', () => {
    const own = widths.map((_, channel) => {
      const values = weights.filter((_, i) => i % 4 === channel).map((w) => w / scales[channel]!);
      return scales[channel]! ** 2 * squaredError(q, 0.25, 1.75, values);
    });
    const sum = own.reduce((a, b) => a + b);
    expect(squaredError(q, 0.25, 1.75, weights, { scales })).toBeCloseTo(sum, 12);
  });

  it('come with the best step for all channels together, which is better than one for all', () => {
    const start = startFromWeights(q, weights).parameters;
    for (const bits of [2, 3, 4]) {
      const { values, error } = requantizeWeights(q, bits, start, weights, scales);
      expect(inferredBits(q, ...values)).toBe(bits);
      expect(error).toBe(squaredError(q, ...values, weights, { scales }));
      for (const factor of [0.5, 2]) {
        const other = squaredError(q, factor * values[0], factor * values[1], weights, { scales });
        expect(error).toBeLessThanOrEqual(other * (1 + 1e-12));
      }
      expect(error).toBeLessThan(requantizeWeights(q, bits, start, weights).error);
    }
  });

  it('do not change where all channels have the same scale but for the unit', () => {
    const start = startFromWeights(q, weights).parameters;
    const doubled = weights.map((w) => 4 * w);
    const { values, error } = requantizeWeights(q, 3, start, doubled, [4, 4]);
    const plain = requantizeWeights(q, 3, start, weights);
    expect(values).toEqual(plain.values);
    expect(error).toBeCloseTo(16 * plain.error, 12);
  });
});
