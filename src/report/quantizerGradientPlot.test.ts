/** The picture's numbers are the paper's point: bounded and apart for U3, growing with the bits for U1. */

import { describe, expect, it } from 'vitest';
import { type GradientCurve, gradientCurves, quantizerGradientPlot } from './quantizerGradientPlot.js';
import { renderSvg } from './renderPlot.js';

const uniform = (bits: number) => ({ bits, finest: 0.25, xmax: 0.25 * (2 ** (bits - 1) - 1) });
const inside = ({ points }: GradientCurve, xmax: number) => points.filter(({ x }) => Math.abs(x) < xmax);

describe('gradients of uniform quantizers', () => {
  it.each([3, 4, 6])('of U3 are bounded and act apart, with %d bits', (bits) => {
    const { xmax } = uniform(bits);
    const [d, range] = gradientCurves('parametric_fp_d_xmax', uniform(bits)) as [GradientCurve, GradientCurve];
    expect([d.parameter, range.parameter]).toEqual(['d', 'xmax']);
    expect(d.largest).toBeLessThanOrEqual(0.5);
    expect(d.largest).toBeGreaterThan(0.49);
    expect(range.largest).toBe(1);
    expect(inside(range, xmax).every(({ y }) => y === 0)).toBe(true);
    for (const { x, y } of d.points) if (Math.abs(x) > xmax) expect(y).toBe(0);
  });

  it('of U1 double with every bit', () => {
    const [three, four, five] = [3, 4, 5].map((bits) => gradientCurves('parametric_fp_d_b', uniform(bits)));
    const largest = (curves: GradientCurve[] | undefined) => curves?.map((curve) => curve.largest) ?? [];
    expect(largest(four)[0]).toBeCloseTo(2 * largest(three)[0]!, 9);
    expect(largest(five)[0]).toBeCloseTo(2 * largest(four)[0]!, 9);
    // The step moves the range by all its steps: 2^(b-1) - 1.
    expect([three, four, five].map((curves) => largest(curves)[1])).toEqual([3, 7, 15]);
  });

  it('of U2 to the range act inside of it too', () => {
    const [, range] = gradientCurves('parametric_fp_b_xmax', uniform(4));
    expect(inside(range!, uniform(4).xmax).some(({ y }) => y !== 0)).toBe(true);
  });
});

it('of P3 are at most 1, those of P1 are not', () => {
  const described = { bits: 3, finest: 0.25, xmax: 2 };
  expect(gradientCurves('parametric_pow2_xmin_xmax', described).map(({ largest }) => largest)).toEqual([1, 1]);
  expect(
    gradientCurves('parametric_pow2_b_xmin', described).map(({ parameter, largest }) => [parameter, largest]),
  ).toEqual([
    ['n', 2 * 4 * Math.LN2 ** 2],
    ['xmin', 8],
  ]);
});

it('a column has the quantizer and two gradients', async () => {
  const kinds = [
    { name: 'U1', kind: 'parametric_fp_d_b' },
    { name: 'U3', kind: 'parametric_fp_d_xmax' },
  ] as const;
  const svg = await renderSvg(quantizerGradientPlot('Gradients', kinds, uniform(4)));
  const texts = [...svg.matchAll(/<text[^>]*>([^<]+)</g)].map(([, text]) => text);
  for (const text of ['U1: Q(x)', '∂Q/∂d, at most 7', 'U3: Q(x)', '∂Q/∂d, at most 0.5', '∂Q/∂qmax, at most 1']) {
    expect(texts).toContain(text);
  }
});
