/** The published table beside ours: a line for each row, with the columns for which there is data. */

import { kilobyteDecimals } from '../kilobytes.js';
import { type ColumnOf, filledColumns } from '../report/columns.js';
import type { Block, TableLine } from '../report/document.js';
import type { Experiment } from '../settings/index.js';
import type { PublishedResult } from './publishedResults.js';
import type { BudgetRecord, RowResult } from './rowResult.js';
import { percentSpread, seedNames, seedsText, spreadOf, spreadText } from './spread.js';
import type { Table } from './table.js';

/** The table without columns that would be empty or repeat another. */
export function resultTable(table: Table, results: readonly RowResult[]): Block {
  const { columns, rows } = filledColumns(columnsOf(table), results);
  const lines = rows.flatMap((cells, index): TableLine[] => {
    const { group } = results[index]!.row;
    return group === results[index - 1]?.row.group ? [cells] : [{ group }, cells];
  });
  return { type: 'table', columns, rows: lines };
}

type CellOf = ColumnOf<RowResult>['cell'];

function columnsOf({ published: { results: published }, floatRow, bitwidths }: Table): ColumnOf<RowResult>[] {
  const right = (title: string, cell: CellOf): ColumnOf<RowResult> => ({ title, align: 'right', cell });
  const left = (title: string, cell: CellOf): ColumnOf<RowResult> => ({ title, align: 'left', cell });
  const of = ({ row }: RowResult): PublishedResult | undefined => published[row.id];
  return [
    left('experiment', ({ row }) =>
      [...(row.label === row.section ? [] : [row.label]), `\`${row.section}\``].join(' '),
    ),
    right('published error %', (result) => of(result)?.errorPercent.toFixed(2) ?? ''),
    right('our error %', errorText),
    right('published gap, points', (result) => {
      const float = published[floatRow(result.row)];
      const own = of(result);
      return !own || !float || own === float ? '' : signed(own.errorPercent - float.errorPercent);
    }),
    right('our gap, points', gapText),
    right('last epoch error %', ({ runs }) => {
      // With a single epoch the last one is the best one.
      const errors = percentSpread(
        runs.map(({ summary: { epochs, last_test_err } }) => (epochs > 1 ? last_test_err : null)),
      );
      return errors ? spreadText(errors) : '';
    }),
    // With published numbers the table is wide enough, and is about the test error.
    right('training loss', ({ runs }) => {
      const losses = spreadOf(runs.map(({ trainingLoss }) => trainingLoss));
      return losses && Object.keys(published).length === 0 ? spreadText(losses, 3) : '';
    }),
    // Otherwise the bits are in a picture.
    left('bits W', ({ runs }) => (bitwidths.length === 0 ? bitsText(runs.flatMap(({ bits }) => bits.weights)) : '')),
    left('bits A', ({ runs }) =>
      bitwidths.length === 0 ? bitsText(runs.flatMap(({ bits }) => bits.activations)) : '',
    ),
    right('weights kB', (result) => size(result, 'weights_kb', of(result)?.weightsKbytes)),
    right('activations max kB', (result) => size(result, 'activations_max_kb', of(result)?.activationsMaxKbytes)),
    right('activations sum kB', (result) => size(result, 'activations_sum_kb', of(result)?.activationsSumKbytes)),
    left('epochs inside the budget', budgetText),
    left('remarks', remarks),
  ];
}

type SizeKey = 'weights_kb' | 'activations_max_kb' | 'activations_sum_kb';

/** The error in percent, and the number of seeds if some are missing. */
export function errorText(result: RowResult): string {
  const { error } = result;
  return error ? `${spreadText(error)}${ofSome(error.count, plannedSeeds(result))}` : '–';
}

/** The gap in points, with its sign, and the number of seeds if the error has more; empty for none. */
export function gapText({ error, gap }: RowResult): string {
  return error && gap ? `${gap.mean < 0 ? '' : '+'}${spreadText(gap)}${ofSome(gap.count, error.count)}` : '';
}

/** ` (1 of 3 seeds)` for some of all; empty for all. */
function ofSome(count: number, all: number): string {
  return count < all ? ` (${seedsText(count, all)})` : '';
}

/** Number of seeds for which a row has runs, finished or not. */
export function plannedSeeds({ runs, missing }: RowResult): number {
  return runs.length + missing.length;
}

/** Our size, with the published one in brackets. */
export function size({ runs }: RowResult, key: SizeKey, published: number | undefined): string {
  const sizes = spreadOf(runs.map(({ summary }) => summary[key]));
  if (!sizes) return '';
  const digits = kilobyteDecimals(sizes.mean, sizes.mean >= 1000 ? 0 : sizes.mean >= 100 ? 1 : 2);
  const ours = spreadText({ ...sizes, deviation: sizes.deviation || null }, digits);
  return published === undefined ? ours : `${ours} (${Number(published.toPrecision(4))})`;
}

/** Minimum, maximum and mean over all tensors. */
export function bitsText(bits: readonly number[]): string {
  if (bits.length === 0) return '';
  const [least, most] = [Math.min(...bits), Math.max(...bits)];
  if (least === most) return String(least);
  return `${least} to ${most}, mean ${(bits.reduce((sum, each) => sum + each, 0) / bits.length).toFixed(1)}`;
}

/** The number of epochs inside the budget, over all seeds, and the budget. */
function budgetText({ runs }: RowResult): string {
  const records = runs.flatMap(({ budget }) => budget ?? []);
  const [first] = runs;
  if (!first || records.length === 0) return '';
  const sum = (of: (record: BudgetRecord) => number) => records.reduce((total, record) => total + of(record), 0);
  const [held, epochs] = [sum((record) => record.held), sum((record) => record.epochs)];
  const [late, lastHalf] = [sum((record) => record.heldOfLastHalf), sum((record) => record.lastHalf)];
  const ofLastHalf = epochs > records.length ? ` (last half ${late} of ${lastHalf})` : '';
  return `${held} of ${epochs}${ofLastHalf}: ${limitsText(first.run.experiment.budget)}`;
}

function limitsText(budget: Experiment['budget']): string {
  const { targetWeightKbytes: weights, targetActivationKbytes: activations, targetActivationType: type } = budget;
  return [
    ...(weights > 0 ? [`W ${weights} kB`] : []),
    ...(activations > 0 ? [`A ${activations} kB ${type}`] : []),
  ].join(', ');
}

export function remarks({ runs, missing }: RowResult): string {
  const never = runs.filter(({ summary }) => summary.best_epoch === null).map(({ run }) => run.seed);
  const unchosen = never.length > 0 ? [`no epoch inside the budget (${seedNames(never)})`] : [];
  const substituted = runs.filter(
    ({ run, config }) => run.startsFrom !== null && config.starting_weights?.file.includes('params_last'),
  );
  const started =
    substituted.length > 0 ? ['starts from the last parameters of a run that never obeyed its budget'] : [];
  return [missingText(missing), ...unchosen, ...started].filter(Boolean).join('; ');
}

/** Seeds without a result by reason: `seed 1: not finished; seeds 0, 2: not run`. */
function missingText(missing: RowResult['missing']): string {
  const reasons = [...new Set(missing.map(({ reason }) => reason))];
  return reasons
    .map((reason) => {
      const seeds = missing.filter((each) => each.reason === reason).map(({ seed }) => seed);
      return `${seedNames(seeds)}: ${reason}`;
    })
    .join('; ');
}

/** Points with their sign. */
export function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(2)}`;
}
