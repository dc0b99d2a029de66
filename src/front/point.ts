/** A network of a front with its results, and the errors by which networks are compared. */

import { chosenError, type ErrorOf } from '../reproduce/claims.js';
import type { RowResult } from '../reproduce/rowResult.js';
import type { FrontRow } from './frontPlan.js';

export interface Point {
  readonly row: FrontRow;
  readonly result: RowResult;
  /** Mean over the seeds; `null` if no run has a result. */
  readonly kbytes: number | null;
  readonly activationKbytes: number | null;
}

/** A network in words, with its section. */
export function nameOf({ row }: Point): string {
  return `${row.label} \`${row.section}\``;
}

/** The points of some rows, as far as these have been run. */
export function pointsOf(ids: readonly string[], points: readonly Point[]): Point[] {
  return points.filter(({ row }) => ids.includes(row.id));
}

export interface Measure {
  /** Of a column, without a unit. */
  readonly title: string;
  readonly errorOf: ErrorOf;
}

const all: readonly Measure[] = [
  { title: 'error', errorOf: chosenError },
  { title: 'last epoch error', errorOf: ({ summary }) => summary.last_test_err },
  { title: 'last tenth error', errorOf: ({ lateError }) => lateError },
  { title: 'training error', errorOf: ({ trainingError }) => trainingError },
];

/**
 * The error of the selected parameters, which decides, and behind it others: without those that no run has, or that are
 * those of a measure before in every run.
 */
export function measuresOf(points: readonly Point[]): readonly Measure[] {
  const runs = points.flatMap(({ result }) => result.runs);
  const isOwn = ({ errorOf }: Measure, at: number) =>
    all
      .slice(0, at)
      .every((before) => runs.some((run) => errorOf(run) !== null && errorOf(run) !== before.errorOf(run)));
  return all.filter(isOwn);
}
