/**
 * The results of one golden file: the ratio of error to tolerance of every comparison, the largest ratio, the first
 * failure in words, and the skipped checks.
 */

export interface FileReport {
  readonly file: string;
  readonly passed: boolean;
  readonly cases: number;
  /** Largest ratio of an error to its tolerance; at most 1 if the file passes. */
  readonly worst: number;
  /** Case, quantity, its value and the expected one. */
  readonly firstFailure?: string;
  /** Skipped checks, and the reasons. */
  readonly skipped: readonly string[];
}

export interface Tally {
  /** Begins a case; comparisons up to the next one belong to it. */
  begin(name: string): void;
  /** Compares a number; a tolerance of 0 demands equality. */
  near(what: string, actual: number | undefined, expected: number, tolerance: number): void;
  /** Compares values without a tolerance: counts, names, shapes. */
  same(what: string, actual: unknown, expected: unknown): void;
  skip(reason: string): void;
  /** Records a fault that ends the file: it cannot be read, or the engine failed. */
  fail(message: string): void;
  report(file: string): FileReport;
}

export function createTally(): Tally {
  const skipped: string[] = [];
  let cases = 0;
  let current = '';
  let worst = 0;
  let firstFailure: string | undefined;

  const compare = (ratio: number, message: () => string) => {
    worst = Math.max(worst, ratio);
    if (ratio > 1) firstFailure ??= current ? `${current}: ${message()}` : message();
  };

  return {
    begin: (name) => {
      cases++;
      current = name;
    },
    near: (what, actual, expected, tolerance) => {
      const error = Math.abs((actual ?? Number.NaN) - expected);
      const ratio = error === 0 ? 0 : error / tolerance;
      compare(Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio, () => {
        const allowed = tolerance > 0 ? ` within ${tolerance.toPrecision(2)}` : '';
        return `${what} is ${actual}, must be ${expected}${allowed}`;
      });
    },
    same: (what, actual, expected) => {
      const [is, must] = [JSON.stringify(actual), JSON.stringify(expected)];
      compare(is === must ? 0 : Number.POSITIVE_INFINITY, () => `${what} is ${is}, must be ${must}`);
    },
    skip: (reason) => skipped.push(reason),
    fail: (message) => compare(Number.POSITIVE_INFINITY, () => message),
    report: (file) => ({
      file,
      passed: firstFailure === undefined,
      cases,
      worst,
      ...(firstFailure === undefined ? {} : { firstFailure }),
      skipped,
    }),
  };
}
