/** Student's distribution, for the uncertainty of a mean of few runs. */

/** Two-sided 95 % quantiles for 1 to 30 degrees of freedom. */
const quantiles = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604, 2.1448, 2.1314,
  2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
];

/** The two-sided 95 % quantile of the normal distribution. */
const z = 1.959964;

/**
 * The two-sided 95 % quantile of Student's distribution with `degrees` ≥ 1 degrees of freedom: a table up to 30, then
 * the expansion about the normal distribution (Abramowitz and Stegun, 26.7.5), exact to 10⁻⁵ there.
 */
export function studentQuantile(degrees: number): number {
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return quantiles[degrees - 1] ?? z + first / degrees + second / degrees ** 2 + third / degrees ** 3;
}
