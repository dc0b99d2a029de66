/** Every kind is as it says of itself, in every state that its limits allow. */

import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../../test/exampleQuantizer.js';
import { mulberry32 } from '../../../test/mulberry32.js';
import {
  addQuantizerKind,
  effectiveRange,
  inferredBits,
  kindNamed,
  nearestPowerOfTwo,
  type Quantizer,
  quantizerKinds,
  quantizeValue,
} from '../index.js';

/** States within the limits, with an end of theirs now and then. */
function states(q: Quantizer, count: number): [number, number][] {
  const random = mulberry32(11);
  const limits = kindNamed(q.kind).parameters.map((name) => (name === 'm' ? { min: -4, max: 4 } : q.bounds[name]));
  const draw = ({ min, max }: { min: number; max: number }) => {
    const place = random();
    return place < 0.1 ? min : place > 0.9 ? max : min + (max - min) * ((place - 0.1) / 0.8) ** 3;
  };
  return Array.from({ length: count }, () => [limits[0] ? draw(limits[0]) : 0, limits[1] ? draw(limits[1]) : 0]);
}

/** Bits that number every value in use. */
function neededBits(q: Quantizer, p0: number, p1: number): number {
  const { core } = kindNamed(q.kind);
  const [e0, e1] = effectiveRange(q, p0, p1);
  const largest = quantizeValue(core, q.signed, e0, e1, 4 * e1);
  if (core === 'pow2' || core === 'fixedPow2') return 1 + Math.ceil(Math.log2(Math.log2(largest / e0) + 1));
  return Math.ceil(Math.log2(largest / e0 + 1)) + (q.signed ? 1 : 0);
}

const bounds = {
  xmin: { min: 2 ** -14, max: 2 ** -8 },
  d: { min: 2 ** -8, max: 2 ** -4 },
  xmax: { min: 0.25, max: 8 },
};

describe.each(quantizerKinds.flatMap((kind) => [true, false].map((signed) => ({ kind, signed }))))(
  '$kind, signed $signed',
  ({ kind, signed }) => {
    const q = exampleQuantizer(kind, { signed, bounds, recomputeRange: true });

    it('has no more values than its bits number', () => {
      for (const state of states(q, 500)) {
        expect(neededBits(q, ...state), `${state}`).toBeLessThanOrEqual(inferredBits(q, ...state));
      }
      expect(kindNamed(kind).mayExceedBits(q)).toBe(false);
    });

    it('takes the steps that it promises', () => {
      const { steps } = kindNamed(kind);
      for (const state of states(q, 100)) {
        const [e0] = effectiveRange(q, ...state);
        if (steps !== 'any') expect(nearestPowerOfTwo(e0)).toBe(e0);
      }
    });
  },
);

it('says so where it has more values, as published', () => {
  const q = exampleQuantizer('parametric_fp_b_xmax', { bounds });
  expect(states(q, 500).some((state) => neededBits(q, ...state) > inferredBits(q, ...state))).toBe(true);
  expect(kindNamed(q.kind).mayExceedBits(q)).toBe(true);
});

it('refuses names in words', () => {
  expect(() => kindNamed('parametric_fp_dxmax')).toThrow(
    'no kind of quantizer is called parametric_fp_dxmax; there are',
  );
  expect(() => addQuantizerKind('fp', kindNamed('fp'))).toThrow('there is one already');
  expect(() => addQuantizerKind('mine_relu', kindNamed('fp'))).toThrow('does not end in _relu');
});
