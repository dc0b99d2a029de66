import { expect, it } from 'vitest';
import { studentQuantile } from './studentQuantile.js';

/** The density of Student's distribution, apart from the factor that makes its integral 1. */
function density(t: number, degrees: number): number {
  return (1 + (t * t) / degrees) ** (-(degrees + 1) / 2);
}

/** Simpson's rule in the angle: t = √n tan φ makes the infinite tail finite. */
function integral(from: number, to: number, degrees: number): number {
  const steps = 4000;
  const [a, b] = [Math.atan(from / Math.sqrt(degrees)), Math.atan(to / Math.sqrt(degrees))];
  const f = (angle: number) => {
    const t = Math.sqrt(degrees) * Math.tan(angle);
    return (density(t, degrees) * Math.sqrt(degrees)) / Math.cos(angle) ** 2;
  };
  let sum = f(a) + f(b - 1e-9);
  for (let i = 1; i < steps; i++) sum += (i % 2 ? 4 : 2) * f(a + ((b - a) * i) / steps);
  return (sum * (b - a)) / (3 * steps);
}

it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 15, 20, 25, 29, 30, 31, 40, 60, 120, 1000])(
  'leaves a twentieth outside with %i degrees of freedom',
  (degrees) => {
    const inside = integral(0, studentQuantile(degrees), degrees) / integral(0, Number.POSITIVE_INFINITY, degrees);
    expect(inside).toBeCloseTo(0.95, 5);
  },
);

it.each([
  [1, 12.706],
  [2, 4.303],
  [10, 2.228],
  [20, 2.086],
  [30, 2.042],
  [40, 2.021],
  [60, 2],
  [120, 1.98],
])('is the printed one for %i', (degrees, quantile) => expect(studentQuantile(degrees)).toBeCloseTo(quantile, 3));

it('falls without a step, towards the normal distribution', () => {
  for (let degrees = 1; degrees < 200; degrees++) {
    expect(studentQuantile(degrees + 1)).toBeLessThan(studentQuantile(degrees));
  }
  expect(studentQuantile(1e9)).toBeCloseTo(1.959964, 6);
});
