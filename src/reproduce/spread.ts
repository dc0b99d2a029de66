/** Mean and deviation of a measurement with several seeds. */

export interface Spread {
  readonly mean: number;
  /** Sample standard deviation (n − 1), `null` for a single value. */
  readonly deviation: number | null;
  readonly count: number;
}

/** The spread of values; null for none. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = values.length === 1 ? null : Math.sqrt(squares / (values.length - 1));
  return { mean, deviation, count: values.length };
}

/** The spread of fractions in percent, without those that are missing; null for none. */
export function percentSpread(fractions: readonly (number | null)[]): Spread | null {
  return spreadOf(fractions.flatMap((fraction) => (fraction === null ? [] : 100 * fraction)));
}

/** The number of seeds in words: `3 seeds`, or `2 of 3 seeds` if some are missing. */
export function seedsText(count: number, planned: number): string {
  if (count < planned) return `${count} of ${planned} seeds`;
  return count === 1 ? 'one seed' : `${count} seeds`;
}

/** Seeds by their numbers: `seed 1`, or `seeds 0, 2`. */
export function seedNames(seeds: readonly number[]): string {
  return `${seeds.length === 1 ? 'seed' : 'seeds'} ${seeds.join(', ')}`;
}

/** As `8.58 ± 0.12`. */
export function spreadText({ mean, deviation }: Spread, digits = 2): string {
  const text = mean.toFixed(digits);
  return deviation === null ? text : `${text} ± ${deviation.toFixed(digits)}`;
}
