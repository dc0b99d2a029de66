/** Bits after a capped update, in the float32 numbers that engines store, at and around the places where bits change. */
import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../test/exampleQuantizer.js';
import { mulberry32 } from '../../test/mulberry32.js';
import { capBits } from './bitCap.js';
import type { Quantizer, QuantizerKind } from './index.js';
import { effectiveRange, inferredBits, parameterNames, projectParameters, quantizerKinds } from './index.js';

function quantizer(kind: QuantizerKind, signed: boolean): Quantizer {
  return exampleQuantizer(kind, { role: signed ? 'weight' : 'activation' });
}

const learned = quantizerKinds.filter((kind) => parameterNames(kind).length > 0);
const inFloat32 = ([a, b]: readonly [number, number]) => [Math.fround(a), Math.fround(b)] as const;

describe('capBits', () => {
  const u3 = quantizer('parametric_fp_d_xmax', true);
  const p3 = quantizer('parametric_pow2_xmin_xmax', false);

  it('leaves alone what keeps the cap', () => {
    expect(capBits(u3, 4, [0.25, 1.75], [0.2, 1.7])).toEqual([0.2, 1.7]);
    expect(capBits(u3, 64, [0.25, 1.75], [0.004, 127])).toEqual([0.004, 127]);
    expect(capBits(quantizer('fp', true), 2, [0, 0], [0, 0])).toEqual([0, 0]);
  });

  it('undoes a jump of the step instead of halving the range', () => {
    const [d, xmax] = capBits(u3, 4, [0.2, 1.75], [0.15, 1.75]);
    expect(effectiveRange(u3, d, xmax)).toEqual([0.25, 1.75]);
    expect(d).toBeCloseTo(0.25 / Math.SQRT2, 5);
  });

  it('lets the step fall where the range has room for it', () => {
    expect(capBits(u3, 4, [0.2, 0.9], [0.15, 0.9])).toEqual([0.15, 0.9]);
  });

  it('lowers a range that grows beyond half a step above the largest integer', () => {
    const [d, xmax] = capBits(u3, 4, [0.25, 1.8], [0.25, 1.9]);
    expect(d).toBe(0.25);
    expect(xmax).toBeLessThan(7.5 * 0.25);
    expect(xmax).toBeCloseTo(7.5 * 0.25, 5);
  });

  it('does the same with the ends of powers of two', () => {
    const [low, same] = capBits(p3, 3, [0.125, 1], [0.08, 1]);
    expect(effectiveRange(p3, low, same)).toEqual([0.125, 1]);
    const [kept, high] = capBits(p3, 3, [0.125, 1], [0.125, 1.5]);
    expect([kept, high]).toEqual([0.125, expect.closeTo(Math.SQRT2, 5)]);
    expect(effectiveRange(p3, kept, high)).toEqual([0.125, 1]);
  });

  it.each(learned)('%s keeps its cap over random walks, on float32 numbers', (kind) => {
    for (const signed of [true, false]) {
      const q = quantizer(kind, signed);
      const random = mulberry32(5);
      const [first, second] = parameterNames(kind);
      const start = { n: 4, m: 0, d: 0.25, xmin: 0.125, xmax: 1 };
      let values = inFloat32([start[first!], start[second!]]);
      const cap = inferredBits(q, ...values);
      const seen = new Set<number>();
      for (let i = 0; i < 2000; i++) {
        const moved = values.map((value) => value * Math.exp(random() - 0.5) + 0.1 * (random() - 0.5)) as [
          number,
          number,
        ];
        values = inFloat32(capBits(q, cap, values, projectParameters(q, ...moved)));
        const bits = inferredBits(q, ...values);
        seen.add(bits);
        expect(bits).toBeLessThanOrEqual(cap);
      }
      expect(seen).toContain(cap);
    }
  });

  it.each(learned)('%s keeps its cap where rounding to float32 breaks it', (kind) => {
    let broken = 0;
    for (const signed of [true, false]) {
      const q = quantizer(kind, signed);
      const random = mulberry32(6);
      for (let i = 0; i < 200; i++) {
        const kept = inFloat32(projectParameters(q, 8 * random(), 8 * random()));
        const beyond = projectParameters(q, 8 * random(), 8 * random());
        const cap = inferredBits(q, ...kept);
        if (inferredBits(q, ...beyond) <= cap) continue;
        const edge = lastKept(kept, beyond, (values) => inferredBits(q, ...values) <= cap);
        if (inferredBits(q, ...inFloat32(edge)) > cap) broken++;
        expect(inferredBits(q, ...inFloat32(capBits(q, cap, kept, edge)))).toBeLessThanOrEqual(cap);
      }
    }
    expect(broken).toBeGreaterThan(0);
  });

  it.each([true, false])('holds at the very boundaries of %s numbers', (signed) => {
    const q = quantizer('parametric_fp_d_xmax', signed);
    for (let cap = signed ? 2 : 1; cap <= 8; cap++) {
      const largest = 2 ** (cap - (signed ? 1 : 0)) - 1;
      for (const exponent of [-8, -5, -3, -2]) {
        const d = 2 ** exponent;
        const xmax = (largest + 0.5) * d;
        const below = xmax * (1 - 2 ** -23);
        expect(inferredBits(q, d, xmax)).toBe(cap + 1);
        expect(inferredBits(q, ...inFloat32(capBits(q, cap, [d, largest * d], [d, xmax])))).toBe(cap);
        expect(capBits(q, cap, [d, largest * d], [d, below])).toEqual([d, below]);
      }
    }
  });
});

/** The last values on the way from `kept` to `beyond`, to the last bits of float64, that are kept. */
function lastKept(
  kept: readonly [number, number],
  beyond: readonly [number, number],
  isKept: (values: readonly [number, number]) => boolean,
): readonly [number, number] {
  let [near, far] = [kept, beyond];
  for (let halving = 0; halving < 80; halving++) {
    const middle = [(near[0] + far[0]) / 2, (near[1] + far[1]) / 2] as const;
    if (isKept(middle)) near = middle;
    else far = middle;
  }
  return near;
}
