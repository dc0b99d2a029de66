import { expect, it } from 'vitest';
import { exampleQuantizer } from '../../test/exampleQuantizer.js';
import { createRandom } from '../data/random.js';
import { quantizeValue } from './elementQuantizer.js';
import { coreOf, parameterNames, quantizerKinds } from './kinds/index.js';
import { effectiveRange } from './parametrization.js';
import { quantizedValues } from './quantizedValues.js';
import type { Quantizer, QuantizerKind } from './quantizer.js';
import { nearestPowerOfTwo } from './rounding.js';

const xmin = { min: 2 ** -14, max: 2 ** -9 };
const xmax = { min: 2 ** -8, max: 255 };

function quantizer(kind: QuantizerKind, changes: Parameters<typeof exampleQuantizer>[1] = {}): Quantizer {
  return exampleQuantizer(kind, { role: 'activation', bounds: { xmin, xmax }, ...changes });
}

it.each(quantizerKinds)('%s: holds for random parameters and inputs', (kind) => {
  const random = createRandom(1);
  const q = quantizer(kind);
  const found = quantizedValues(q)!;
  expect(found.form).toBe(kind.includes('pow2') ? 'powers' : 'multiples');
  const between = ({ min, max }: { min: number; max: number }) =>
    random.below(4) === 0 ? (random.below(2) ? min : max) : min + ((max - min) * random.below(1 << 20)) / (1 << 20);
  for (let trial = 0; trial < 100; trial++) {
    const [p0 = 0, p1 = 0] = parameterNames(kind).map((name) => between(q.bounds[name]));
    const [e0, e1] = effectiveRange(q, p0, p1);
    for (let i = 0; i < 10; i++) {
      const value = quantizeValue(coreOf(kind), q.signed, e0, e1, 1.5 * e1 * (random.below(1 << 20) / (1 << 20)) ** 3);
      expect(value).toBeLessThanOrEqual(found.largest);
      if (found.form === 'multiples') {
        expect(Number.isInteger(value / found.smallest)).toBe(true);
        expect(value / e0).toBeLessThanOrEqual(found.levels);
      } else if (value > 0) {
        expect(nearestPowerOfTwo(value)).toBe(value);
        expect(value).toBeGreaterThanOrEqual(found.smallest);
      }
    }
  }
});

it('gives the grid of the published limits: 16 bits', () => {
  const found = quantizedValues(quantizer('parametric_fp_d_xmax'))!;
  expect(found).toEqual({ form: 'multiples', smallest: 2 ** -8, largest: 255.5, levels: 65_281 });
});

it('promises nothing for steps that are no powers of two, nor where smallest may exceed largest', () => {
  expect(quantizedValues(quantizer('fp', { fixed: [4, 0.3] }))).toBeNull();
  const bounds = { xmin: { min: 2 ** -14, max: 1 }, xmax };
  expect(quantizedValues(quantizer('parametric_pow2_xmin_xmax', { bounds }))).toBeNull();
});
