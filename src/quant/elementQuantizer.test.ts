import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../test/mulberry32.js';
import type { QuantizerCore } from './index.js';
import { nearestPowerOfTwo, quantizeGradient, quantizeValue } from './index.js';

interface Setting {
  core: QuantizerCore;
  e0: number;
  e1: number;
}

const settings: readonly Setting[] = [
  { core: 'uniform', e0: 0.25, e1: 1.75 },
  { core: 'uniform', e0: 0.125, e1: 1 },
  { core: 'fixedUniform', e0: 0.25, e1: 1.75 },
  { core: 'fixedUniform', e0: 0.3, e1: 0.3 * 7 },
  { core: 'pow2', e0: 0.0625, e1: 1 },
  { core: 'fixedPow2', e0: 0.0625, e1: 1 },
];
const both = settings.flatMap((s) => [true, false].map((signed) => ({ ...s, signed })));

describe.each(both)('$core e0=$e0 e1=$e1 signed=$signed', ({ core, e0, e1, signed }) => {
  const value = (x: number) => quantizeValue(core, signed, e0, e1, x);
  const random = mulberry32(7);
  const inputs = Array.from({ length: 500 }, () => 5 * (random() - 0.5));

  it('is monotone and maps levels to themselves', () => {
    const outputs = [...inputs].sort((a, b) => a - b).map(value);
    for (let i = 1; i < outputs.length; i++) expect(outputs[i]!).toBeGreaterThanOrEqual(outputs[i - 1]!);
    for (const y of outputs) expect(value(y)).toBeCloseTo(y, 14);
  });

  it('is odd if signed, and 0 for negative inputs if not', () => {
    for (const x of inputs) {
      if (x === 0) continue;
      if (signed) expect(value(-x)).toBe(-value(x));
      else expect(Math.abs(value(-Math.abs(x)))).toBe(0);
    }
  });

  it('errs by half a step, or half an octave, inside the range', () => {
    for (const x of inputs.filter((x) => Math.abs(x) <= e1 && (signed || x > 0))) {
      if (core === 'uniform' || core === 'fixedUniform') {
        expect(Math.abs(value(x) - x)).toBeLessThanOrEqual(e0 / 2 + 1e-12);
      } else if (Math.abs(x) >= e0) {
        expect(Math.abs(value(x))).toBe(Math.min(nearestPowerOfTwo(Math.abs(x)), e1));
      }
    }
  });

  it('keeps NaN visible', () => {
    expect(value(Number.NaN)).toBeNaN();
  });
});

/** dx, s0 and s1 per unit of upstream gradient, without negative zeros. */
function factors(core: QuantizerCore, signed: boolean, e0: number, e1: number, x: number): number[] {
  const { dx, s0, s1 } = quantizeGradient(core, signed, e0, e1, x, 1);
  return [dx + 0, s0 + 0, s1 + 0];
}

const tiny = 2 ** -40;

describe('uniform boundaries', () => {
  it('gives the gradient on a clip boundary to the boundary', () => {
    expect(factors('uniform', true, 0.25, 1, 1)).toEqual([0, 0, 1]);
    expect(factors('uniform', true, 0.25, 1, -1)).toEqual([0, 0, -1]);
    expect(factors('uniform', true, 0.25, 1, 1 - tiny)[0]).toBe(1);
    expect(factors('uniform', true, 0.25, 1, -1 + tiny)[0]).toBe(1);
    expect(factors('uniform', false, 0.25, 1, 0)).toEqual([0, 0, 0]);
    expect(factors('uniform', false, 0.25, 1, tiny)[0]).toBe(1);
    expect(factors('uniform', false, 0.25, 1, -3)).toEqual([0, 0, 0]);
  });

  it('rounds halves away from zero', () => {
    expect([0.125, -0.125, 0.375, -0.375].map((x) => quantizeValue('uniform', true, 0.25, 1, x))).toEqual([
      0.25, -0.25, 0.5, -0.5,
    ]);
    expect(quantizeValue('uniform', true, 0.25, 1, 0.125 - tiny)).toBe(0);
  });

  it('clips before it rounds: beyond the range by up to half a step, and the clipped elements move d', () => {
    expect(quantizeValue('uniform', true, 0.5, 0.8, 3)).toBe(1);
    expect(factors('uniform', true, 0.5, 0.8, 3)[1]).toBeCloseTo(0.4, 14);
  });

  it('includes both ends in the fixed form', () => {
    const dx = (signed: boolean, x: number) => factors('fixedUniform', signed, 0.25, 1, x)[0];
    expect([1, -1, 1 + tiny, -1 - tiny].map((x) => dx(true, x))).toEqual([1, 1, 0, 0]);
    expect([1, 0, 1 + tiny, -tiny].map((x) => dx(false, x))).toEqual([1, 1, 0, 0]);
  });
});

describe('power-of-two boundaries', () => {
  it('excludes xmax from the inside and includes xmin', () => {
    expect(factors('pow2', true, 0.25, 1, 0.25)).toEqual([1, 0, 0]);
    expect(factors('pow2', true, 0.25, 1, -0.25 + tiny)).toEqual([0, -1, 0]);
    expect(factors('pow2', true, 0.25, 1, 1)).toEqual([0, 0, 1]);
    expect(factors('pow2', true, 0.25, 1, -1)).toEqual([0, 0, -1]);
    expect(factors('pow2', true, 0.25, 1, 0.75)).toEqual([1 / 0.75, 0, 0]);
  });

  it('takes zero as positive if signed, without a gradient', () => {
    for (const zero of [0, -0]) {
      expect(quantizeValue('pow2', true, 0.25, 1, zero)).toBe(0.25);
      expect(quantizeValue('fixedPow2', true, 0.25, 1, zero)).toBe(0.25);
      expect(factors('pow2', true, 0.25, 1, zero)).toEqual([0, 1, 0]);
    }
  });

  it('ends the dead zone of an unsigned quantizer where P2 reaches xmin, to the last bit', () => {
    for (let k = -16; k <= 8; k++) {
      const xmin = 2 ** k;
      const edge = xmin * Math.SQRT1_2;
      for (const a of [
        edge * (1 - Number.EPSILON),
        edge * (1 - Number.EPSILON / 2),
        edge,
        edge * (1 + Number.EPSILON),
      ]) {
        const expected = nearestPowerOfTwo(a) < xmin ? 0 : xmin;
        expect(quantizeValue('pow2', false, xmin, 1024, a)).toBe(expected);
        expect(quantizeValue('fixedPow2', false, xmin, 1024, a)).toBe(expected);
        expect(factors('pow2', false, xmin, 1024, a)).toEqual([0, expected / xmin, 0]);
      }
    }
  });

  it('adds both levels up where xmin lies above xmax', () => {
    expect([0.5, 2, 5].map((x) => quantizeValue('pow2', true, 4, 1, x))).toEqual([4, 5, 1]);
    expect(factors('pow2', true, 4, 1, -2)).toEqual([0, -1, -1]);
  });

  it('passes the gradient of the fixed form up to sqrt(2) pmax, in the dead zone too', () => {
    const dx = (signed: boolean, x: number) => factors('fixedPow2', signed, 0.25, 1, x)[0];
    expect([1.41, -1.41, Math.SQRT2, -Math.SQRT2, 0].map((x) => dx(true, x))).toEqual([1, 1, 0, 0, 1]);
    expect([1.41, Math.SQRT2, 0.01, 0, -tiny].map((x) => dx(false, x))).toEqual([1, 0, 1, 1, 0]);
  });
});
