/** The results of a table's rows, read from the run folders. */

import {
  openRunFolder,
  type RunConfig,
  type RunFolder,
  type RunRow,
  readQuantizers,
  readResults,
  readSizes,
  readSummary,
} from '../runs/index.js';
import { type PlannedRun, prerequisites, runOfSection } from '../runs/plan/planRuns.js';
import { runRoot, type Standing, standing } from '../runs/plan/standing.js';
import { evaluatedOn } from '../selection.js';
import { hasBudget, obeysBudget } from '../settings/index.js';
import type { RunSummary } from '../train/summary.js';
import { type Spread, spreadOf } from './spread.js';
import type { ReportRow } from './table.js';

export interface FinishedRunResult {
  readonly run: PlannedRun;
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly summary: RunSummary;
  /** Training loss of the last epoch, without penalties. */
  readonly trainingLoss: number;
  /** Training error of the last epoch, a fraction: that of its batches while they train. */
  readonly trainingError: number;
  /**
   * Mean error on the test images, a fraction, over the last tenth of the epochs (at least one), which no image selects.
   * `null` if there is none.
   */
  readonly lateError: number | null;
  /** Bits in the epoch of the selected parameters, or in the last one if there is none. */
  readonly bits: QuantizedBits;
  /** Epochs that ended inside the budget; `null` without one. */
  readonly budget: BudgetRecord | null;
}

/** Bits of all quantized weights and of all quantized activations, in the network's order; none if these are float. */
interface QuantizedBits {
  readonly weights: readonly number[];
  readonly activations: readonly number[];
}

export interface BudgetRecord {
  readonly held: number;
  readonly epochs: number;
  readonly heldOfLastHalf: number;
  readonly lastHalf: number;
}

export interface RowResult {
  readonly row: ReportRow;
  /** The finished runs, by seed. */
  readonly runs: readonly FinishedRunResult[];
  /** Seeds without a result, and the reasons. */
  readonly missing: readonly (NoResult & { readonly seed: number })[];
  /** The error of the selected parameters on the test images, in percent; `null` if no run has one. */
  readonly error: Spread | null;
  /** Points above the float network of the same seed. */
  readonly gap: Spread | null;
}

export interface NoResult {
  /** `failed` if there will be none, as for a network that diverges; otherwise the run is still to come. */
  readonly type: Exclude<Standing['type'], 'finished'>;
  readonly reason: string;
}

/** The result of every run of a plan, or the reason why there is none. */
export type PlanResults = ReadonlyMap<PlannedRun, FinishedRunResult | NoResult>;

/** The finished runs. */
export function finishedOf(results: PlanResults): FinishedRunResult[] {
  return [...results.values()].filter(isFinished);
}

function isFinished(result: FinishedRunResult | NoResult): result is FinishedRunResult {
  return 'summary' in result;
}

/** Reads the results of a plan, as far as it has been executed. */
export function planResults(plan: readonly PlannedRun[]): PlanResults {
  return new Map(plan.map((run) => [run, resultOf(run)]));
}

/** The results of all rows. `floatRow`: names the row with whose error another one is compared. */
export function rowResults(
  rows: readonly ReportRow[],
  floatRow: (row: ReportRow) => string,
  results: PlanResults,
): RowResult[] {
  const plan = [...results.keys()];
  const seeds = [...new Set(plan.map(({ seed }) => seed))];
  const errorOf = (row: ReportRow, seed: number): number | null => {
    const result = results.get(runOfSection(plan, row.section, seed));
    const error = result && isFinished(result) ? result.summary.best_test_err : null;
    return error === null ? null : 100 * error;
  };
  return rows.map((row): RowResult => {
    const own = seeds.map((seed) => ({ seed, result: results.get(runOfSection(plan, row.section, seed))! }));
    const float = rows.find(({ id }) => id === floatRow(row));
    const errors = seeds.map((seed) => ({
      error: errorOf(row, seed),
      float: float ? errorOf(float, seed) : null,
    }));
    return {
      row,
      runs: own.flatMap(({ result }) => (isFinished(result) ? [result] : [])),
      missing: own.flatMap(({ seed, result }) => (isFinished(result) ? [] : [{ seed, ...result }])),
      error: spreadOf(errors.flatMap(({ error }) => error ?? [])),
      gap:
        row === float
          ? null
          : spreadOf(errors.flatMap(({ error, float }) => (error === null || float === null ? [] : error - float))),
    };
  });
}

/** The result of a run, or the reason why there is none. */
function resultOf(run: PlannedRun): FinishedRunResult | NoResult {
  const now = standing(run);
  if (now.type !== 'finished') return noResult(run, now);
  const { folder, config } = openRunFolder(runRoot(run));
  const summary = readSummary(folder);
  const results = readResults(folder);
  const { loss1: trainingLoss, train_err: trainingError } = results.at(-1) ?? {
    loss1: Number.NaN,
    train_err: Number.NaN,
  };
  const lateError = lateErrorOf(results, summary);
  const budget = budgetRecord(run, folder);
  const bits = quantizedBits(folder, summary);
  return { run, folder, config, summary, trainingLoss, trainingError, lateError, bits, budget };
}

/** `lateError` of a run: of its results by epoch. */
export function lateErrorOf(
  results: readonly Pick<RunRow, 'val_err' | 'test_err'>[],
  { select, epochs }: Pick<RunSummary, 'select' | 'epochs'>,
): number | null {
  const errors = results.map(({ test_err, val_err }) => (evaluatedOn(select) === 'test' ? val_err : test_err));
  const last = errors.slice(-Math.max(1, Math.round(epochs / 10)));
  return spreadOf(last.flatMap((error) => error ?? []))?.mean ?? null;
}

function noResult(run: PlannedRun, now: Exclude<Standing, { type: 'finished' }>): NoResult {
  switch (now.type) {
    case 'failed':
      return { type: 'failed', reason: now.fault };
    case 'absent': {
      const failed = prerequisites(run).find(hasFailed);
      return failed
        ? {
            type: 'failed',
            reason: `${failed.experiment.name} gave no parameters to ${failed === run.startsFrom ? 'start' : 'learn'} from`,
          }
        : { type: 'absent', reason: 'not run' };
    }
    case 'unfinished':
      return { type: 'unfinished', reason: 'not finished' };
    case 'other':
      return { type: 'other', reason: `has other settings: ${now.difference}` };
    default:
      return now satisfies never;
  }
}

/** Tells whether a run, or one that it starts or learns from, has failed. */
function hasFailed(run: PlannedRun): boolean {
  return standing(run).type === 'failed' || prerequisites(run).some(hasFailed);
}

function quantizedBits(folder: RunFolder, { best_epoch, epochs }: RunSummary): QuantizedBits {
  const shown = readQuantizers(folder).filter(({ epoch }) => epoch === (best_epoch ?? epochs));
  const bits = (rows: typeof shown) => rows.map((row) => row.bits);
  return {
    weights: bits(shown.filter(({ role }) => role !== 'activation')),
    activations: bits(shown.filter(({ role }) => role === 'activation')),
  };
}

function budgetRecord({ experiment: { budget } }: PlannedRun, folder: RunFolder): BudgetRecord | null {
  if (!hasBudget(budget)) return null;
  const inside = readSizes(folder).map((sizes) => obeysBudget(budget, sizes));
  const last = inside.slice(Math.floor(inside.length / 2));
  const held = (epochs: readonly boolean[]) => epochs.filter(Boolean).length;
  return { held: held(inside), epochs: inside.length, heldOfLastHalf: held(last), lastHalf: last.length };
}
