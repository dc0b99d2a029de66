/** Verdicts on the paper's claims, as sentences computed from the numbers. */

import type { FinishedRunResult, RowResult } from './rowResult.js';
import { type Spread, seedNames, seedsText, spreadOf, spreadText } from './spread.js';
import { studentQuantile } from './studentQuantile.js';
import type { Claim } from './table.js';

type Verdict = 'holds' | 'contradicted' | 'undecided' | 'unknown';

export interface JudgedClaim {
  readonly verdict: Verdict;
  readonly sentence: string;
}

/**
 * Judges a claim by the differences between runs of equal seeds: it is decided if their mean differs from zero with a
 * confidence of 95 % (Student's t), which few seeds reach only if they agree well, though not if they agree to the image:
 * errors of few images often do so by chance.
 */
export function judge(claim: Claim, results: readonly RowResult[]): JudgedClaim {
  const better = find(results, claim.better);
  const worse = find(results, claim.than);
  const lead = `${better.row.group}:`;
  const [first, second] = [`"${better.row.label}"`, `"${worse.row.label}"`];
  if (!better.error || !worse.error) return withoutNumbers(better, worse);
  const subject = `${lead} ${first} has an error of ${errorText(better.error)}, ${second} of ${errorText(worse.error)}.${absent(better)}${absent(worse)}`;
  const difference = pairedDifference(better, worse);
  if (!difference) return { verdict: 'unknown', sentence: `${subject} No seed has both, so nothing can be said.` };
  const points = `${Math.abs(difference.mean).toFixed(2)} points`;
  const side = difference.mean > 0 ? 'better' : 'worse';
  if (difference.uncertainty === null) {
    const agreement = difference.mean > 0 ? 'as the paper says' : 'contrary to the paper';
    const found = difference.mean === 0 ? 'They are equal' : `The first is ${points} ${side}, ${agreement}`;
    const but =
      difference.count === 1 ? 'one seed decides nothing' : `${difference.count} equal differences ${noSpread}`;
    return { verdict: 'undecided', sentence: `${subject} ${found}; but ${but}.` };
  }
  const measured = `${points} ${side}, ± ${difference.uncertainty.toFixed(2)} over ${difference.count} seeds`;
  if (!difference.isDecided) {
    const sentence = `${subject} The first is ${measured}: these runs do not decide whether the paper is right.`;
    return { verdict: 'undecided', sentence };
  }
  return difference.mean > 0
    ? { verdict: 'holds', sentence: `${subject} The first is ${measured}: as the paper says.` }
    : { verdict: 'contradicted', sentence: `${subject} The first is ${measured}: contrary to the paper.` };
}

function find(results: readonly RowResult[], id: string): RowResult {
  const result = results.find(({ row }) => row.id === id);
  if (!result) throw new Error(`no row ${id}`);
  return result;
}

export interface PairedDifference {
  /** Error of the second row minus that of the first in points: mean over the seeds with both. */
  readonly mean: number;
  /** Half width of the 95 % confidence interval (Student's t); `null` for a single seed, and for differences that are equal. */
  readonly uncertainty: number | null;
  /** True if the interval excludes zero. */
  readonly isDecided: boolean;
  /** Number of seeds with both. */
  readonly count: number;
  /** Number of these with which the first has the smaller error. */
  readonly wins: number;
}

/** What differences do that are equal for several seeds. */
export const noSpread = 'show no spread to decide by';

/** Points below which differences and deviations are those of rounding: far less than an image is. */
const ROUNDING = 1e-9;

/** An error of a run, a fraction; `null` if it has none. */
export type ErrorOf = (result: FinishedRunResult) => number | null;

/** The error of the selected parameters on the test images. */
export const chosenError: ErrorOf = ({ summary }) => summary.best_test_err;

/**
 * The error of the second row minus that of the first, by equal seeds; `null` if no seed has both. By default errors are
 * those of the selected parameters.
 */
export function pairedDifference(
  first: RowResult,
  second: RowResult,
  errorOf: ErrorOf = chosenError,
): PairedDifference | null {
  const differences = first.runs.flatMap((one) => {
    const other = second.runs.find(({ run }) => run.seed === one.run.seed);
    const [error, otherError] = [errorOf(one), other ? errorOf(other) : null];
    return error === null || otherError === null ? [] : 100 * (otherError - error);
  });
  const spread = spreadOf(differences);
  if (!spread) return null;
  const { mean, deviation, count } = spread;
  const shown = deviation !== null && deviation > ROUNDING;
  const uncertainty = shown ? (studentQuantile(count - 1) * deviation) / Math.sqrt(count) : null;
  const wins = differences.filter((difference) => difference > ROUNDING).length;
  return { mean, uncertainty, isDecided: uncertainty !== null && Math.abs(mean) > uncertainty, count, wins };
}

/** The verdict if one network does not train at all, which makes it worse than one that does. */
function withoutNumbers(better: RowResult, worse: RowResult): JudgedClaim {
  const { group } = better.row;
  const [first, second] = [`"${better.row.label}"`, `"${worse.row.label}"`];
  if (better.error && neverTrains(worse)) {
    const sentence = `${group}: ${first} has an error of ${errorText(better.error)}, ${second} gave no result with any seed: as the paper says.`;
    return { verdict: 'holds', sentence };
  }
  if (worse.error && neverTrains(better)) {
    const sentence = `${group}: ${first} gave no result with any seed, ${second} has an error of ${errorText(worse.error)}: contrary to the paper.`;
    return { verdict: 'contradicted', sentence };
  }
  return { verdict: 'unknown', sentence: `${group}: ${first} and ${second} have no results to compare.` };
}

/** Tells whether a row will never have results, since every seed was tried. */
function neverTrains({ missing }: RowResult): boolean {
  return missing.length > 0 && missing.every(({ type }) => type === 'failed');
}

/** The seeds without a number, in words. */
function absent({ row, missing }: RowResult): string {
  if (missing.length === 0) return '';
  const seeds = missing.map(({ seed }) => seed);
  return ` Without ${seedNames(seeds)} of "${row.label}", which ${seeds.length === 1 ? 'has' : 'have'} no result.`;
}

function errorText(error: Spread): string {
  return `${spreadText(error)} % (${seedsText(error.count, error.count)})`;
}
