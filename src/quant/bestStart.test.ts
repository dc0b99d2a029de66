import { describe, expect, it } from 'vitest';
import { bestExponents, bestStart } from './bestStart.js';
import { exponentLimits } from './channelExponents.js';
import type { Quantizer } from './quantizer.js';
import { startFromWeights } from './startValues.js';

describe('the best start', () => {
  const quantizer: Quantizer = {
    kind: 'parametric_fp_d_xmax',
    bitwidth: 4,
    name: 'a',
    role: 'activation',
    signed: false,
    count: 1,
    fixed: null,
    recomputeRange: false,
    bounds: {
      n: { min: 1, max: 8 },
      d: { min: 2 ** -8, max: 1 },
      xmin: { min: 2 ** -14, max: 255 },
      xmax: { min: 2 ** -8, max: 255 },
      m: { min: -20, max: 20 },
    },
    accountingXmin: { min: 2 ** -14, max: 255 },
  };

  it('holds multiples of a step exactly, and prefers many small values to a single large one', () => {
    const multiples = Array.from({ length: 16 }, (_, i) => i / 4);
    expect(bestStart(quantizer, multiples).parameters).toEqual([0.25, 3.75]);
    const small = Array.from({ length: 1000 }, (_, i) => (i % 16) / 16);
    expect(bestStart(quantizer, [...small, 1.5]).parameters).toEqual([1 / 16, 15 / 16]);
  });

  it('of weights is the published one, unless a finer one is clearly better', () => {
    const signed: Quantizer = { ...quantizer, role: 'weight', signed: true, bitwidth: 2 };
    const weights = (small: number) => [1, ...Array.from({ length: small }, () => 0.25)];
    const published = startFromWeights(signed, weights(1)).parameters;
    // The published step of 1 leaves 1/16 for each small weight, a step of 1/4 (3/4)² for the large one.
    expect(published).toEqual([1, 1]);
    expect(bestStart(signed, weights(11)).parameters).toEqual(published);
    expect(bestStart(signed, weights(13)).parameters).toEqual([0.25, 0.25]);
  });

  it('looks below the largest step that the limits allow', () => {
    // A step of 2 counts as the largest, 1, and has the wider range: better than 1 itself, but not than 1/2.
    const values = [...Array.from({ length: 1000 }, (_, i) => (i % 8) / 2), 16.6];
    expect(bestStart(quantizer, values).parameters).toEqual([0.5, 7.5]);
  });

  it('is the published one for zeros and for what is not finite', () => {
    for (const value of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(bestStart(quantizer, [0, value]).parameters).toEqual([0.125, 1.875]);
    }
  });

  it('is found for a single level and for the largest width', () => {
    expect(bestStart({ ...quantizer, bitwidth: 1 }, [0, 2, 2]).parameters).toEqual([2, 2]);
    const [step, range] = bestStart({ ...quantizer, bitwidth: 16 }, [3, 1.7, 0.2]).parameters;
    expect(range).toBeGreaterThanOrEqual(3);
    expect(step).toBe(2 ** -14);
  });

  it('of weights has levels on both sides of zero', () => {
    const weights = Array.from({ length: 15 }, (_, i) => (i - 7) / 32);
    const signed: Quantizer = { ...quantizer, role: 'weight', signed: true };
    expect(bestStart(signed, weights).parameters).toEqual([1 / 32, 7 / 32]);
    const twoBits = { ...signed, bitwidth: 2 };
    expect(bestStart(twoBits, [-0.25, -0.25, 0, 0.25, 0.25, 0.25, 0.3, 0.75]).parameters).toEqual([0.25, 0.25]);
    expect(bestStart({ ...twoBits, kind: 'fp' }, [-0.25, 0, 0.25])).toEqual({ parameters: [0, 0], fixed: [2, 0.25] });
  });

  it('of powers of two has their range', () => {
    const pow2: Quantizer = {
      ...quantizer,
      kind: 'parametric_pow2_xmin_xmax',
      role: 'weight',
      signed: true,
      bitwidth: 3,
    };
    const [xmin, xmax] = bestStart(pow2, [1 / 8, 1 / 4, 1 / 2, 1, -1]).parameters;
    expect([xmin, xmax]).toEqual([1 / 8, 1]);
  });

  it('of many values is that of an even part of them', () => {
    const values = Float64Array.from({ length: 200_000 }, (_, i) => (i % 64 === 5 ? 15 : (i % 16) / 16));
    expect(bestStart(quantizer, values)).toEqual(bestStart(quantizer, values.slice(0, 6400)));
    const everySecond = values.filter((_, i) => i % 2 === 0);
    expect(bestStart(quantizer, values)).not.toEqual(bestStart(quantizer, everySecond));
  });

  it('of channels is that of each of them', () => {
    const scales = [1, 1 / 2, 1 / 16, 0];
    const weights = Array.from({ length: 60 }, (_, i) => ((Math.floor(i / 4) - 7) / 32) * scales[i % 4]!);
    const signed: Quantizer = { ...quantizer, role: 'weight', signed: true };
    const whole = Math.log2(bestStart(signed, weights).parameters[0]);
    expect([...bestExponents(signed, weights, 4)]).toEqual([-5, -6, -9, whole].map((exponent) => exponent - whole));
    expect([...bestExponents(signed, [1, 2 ** -12], 2)]).toEqual([0, exponentLimits.min]);
  });
});
