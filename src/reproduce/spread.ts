/** A measurement repeated with several seeds. */

export interface Spread {
  readonly mean: number;
  /** Standard deviation of the sample (n − 1), `null` of a single value. */
  readonly deviation: number | null;
  readonly count: number;
}

/** Null of no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const deviation = values.length === 1 ? null : Math.sqrt(squares / (values.length - 1));
  return { mean, deviation, count: values.length };
}

/** How many seeds something is of: `3 seeds`, or `2 of 3 seeds` where some are missing. */
export function seedsText(count: number, planned: number): string {
  if (count < planned) return `${count} of ${planned} seeds`;
  return count === 1 ? 'one seed' : `${count} seeds`;
}

/** `8.58 ± 0.12`. */
export function spreadText({ mean, deviation }: Spread, digits = 2): string {
  const text = mean.toFixed(digits);
  return deviation === null ? text : `${text} ± ${deviation.toFixed(digits)}`;
}
