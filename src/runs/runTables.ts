/**
 * The CSV files of a run folder: their columns, and how rows are written, read and truncated. A row's keys are the
 * column names. Numbers are written in the shortest form that reads back as the same number, so that equal runs give
 * equal bytes; missing values of a quantizer are empty cells.
 */
import { z } from 'zod';
import { appendDurably, writeDurably } from '../disk/durableFile.js';
import { readText } from '../disk/readText.js';
import { InputError } from '../errors.js';
import type { QuantizerRow, SizesRow } from '../program/quantizerReport.js';
import { namedMetrics, type Task } from '../task.js';

const numberCell = z.string().transform((cell, context) => {
  if (cell === 'NaN' || (cell !== '' && !Number.isNaN(Number(cell)))) return Number(cell);
  context.issues.push({ code: 'custom', message: 'is no number', input: cell });
  return z.NEVER;
});
const optionalNumberCell = z
  .literal('')
  .transform(() => null)
  .or(numberCell);

/** One row an epoch: errors, total loss, the task's loss, penalty of the weights, penalty of the activations. */
const resultsTable = z.object({
  iter: numberCell,
  train_err: numberCell,
  val_err: numberCell,
  loss: numberCell,
  loss1: numberCell,
  loss2: numberCell,
  loss3: numberCell,
});
/** With `select = validation`, also the error on the test images, which is reported but does not select. */
const testedResultsTable = resultsTable.extend({ test_err: numberCell });

/** The table of results as in the file: with metrics under their own names instead of errors. */
export function resultsTableOf(task: Task, tested: boolean): Table<RunRow> {
  const { shape } = tested ? testedResultsTable : resultsTable;
  return z.object(namedMetrics(shape, task)) as unknown as Table<RunRow>;
}

export const lossTable = z.object({ epoch: numberCell, loss: numberCell });
export const accuracyTable = z.object({ epoch: numberCell, accuracy: numberCell });
export const quantizersTable = z.object({
  epoch: numberCell,
  tensor: z.string(),
  role: z.enum(['weight', 'bias', 'activation']),
  kind: z.string(),
  bits: numberCell,
  d: optionalNumberCell,
  xmin: optionalNumberCell,
  xmax: optionalNumberCell,
  /** Empty in tables begun by older versions. */
  signed: optionalNumberCell,
}) satisfies Table<QuantizerRow>;
export const sizesTable = z.object({
  epoch: numberCell,
  weights_kb: numberCell,
  activations_max_kb: numberCell,
  activations_sum_kb: numberCell,
  /** kB of the activations in memory at once; empty in tables begun by older versions. */
  activations_peak_kb: optionalNumberCell,
  /** Billions of bit operations of an image; empty in tables begun by older versions. */
  gbops: optionalNumberCell,
  /** Also empty if the experiment has no costs. */
  cost: optionalNumberCell,
}) satisfies Table<SizesRow>;

/** A table as its columns, in order; the first one holds the epoch, counted from 1. */
export type Table<Row> = z.ZodType<Row> & { readonly shape: Readonly<Partial<Record<keyof Row, unknown>>> };

/** One epoch of results.csv, with errors; `iter` is the epoch. */
export type RunRow = z.output<typeof resultsTable> & Partial<z.output<typeof testedResultsTable>>;
export type LossRow = z.output<typeof lossTable>;
export type AccuracyRow = z.output<typeof accuracyTable>;

/** The header line of a table. */
export function tableHeader<Row extends object>(table: Table<Row>): string {
  return `${Object.keys(table.shape).join(',')}\n`;
}

/** Appends rows to a table's file, durably. */
export function appendRows<Row extends object>(path: string, table: Table<Row>, rows: readonly Row[]): void {
  const columns = Object.keys(table.shape) as (keyof Row)[];
  appendDurably(path, rows.map((row) => `${columns.map((column) => row[column] ?? '').join(',')}\n`).join(''));
}

/**
 * Reads a table's file. Columns that are missing at the end, since an older version wrote the file, are empty.
 *
 * @throws InputError naming file and line if it is not such a table
 */
export function readRows<Row extends object>(path: string, table: Table<Row>): Row[] {
  const [header = '', ...lines] = readText(path).split('\n');
  const columns = Object.keys(table.shape);
  if (header === '' || !`${columns.join(',')},`.startsWith(`${header},`)) {
    throw new InputError(`${path}:1: the columns are '${header}', they must be '${columns.join(',')}'`);
  }
  // After the last line break is nothing, or a row that a crash cut off.
  return lines.slice(0, -1).map((line, index) => {
    const cells = (line + missingCells(header, columns)).split(',');
    const row = table.safeParse(Object.fromEntries(columns.map((column, i) => [column, cells[i]])));
    if (row.success && cells.length === columns.length) return row.data;
    const issue = row.error?.issues[0];
    const fault =
      issue && cells.length === columns.length ? `${String(issue.path[0])} ${issue.message}` : 'wrong number of cells';
    throw new InputError(`${path}:${index + 2}: '${line}': ${fault}`);
  });
}

/**
 * Truncates a table's file to its rows up to `lastEpoch`, which are kept byte for byte. Columns that an older version
 * did not write are added, empty. `header`: the line of the table's columns. Returns the epoch of the last row that
 * stays, 0 for none.
 */
export function truncateRows(path: string, header: string, lastEpoch: number): number {
  const [old = '', ...lines] = readText(path).split('\n');
  const missing = missingCells(old, header.split(','));
  const kept = lines.slice(0, -1).filter((line) => epochOf(line) <= lastEpoch);
  writeDurably(path, header + kept.map((line) => `${line}${missing}\n`).join(''));
  return kept.length === 0 ? 0 : epochOf(kept.at(-1)!);
}

/** The epoch of the last row of a table's file, 0 for none. */
export function lastEpoch(path: string): number {
  const line = readText(path).split('\n').at(-2) ?? '';
  return /^\d/.test(line) ? epochOf(line) : 0;
}

/** Empty cells for the columns that a header lacks. */
function missingCells(header: string, columns: readonly string[]): string {
  return ','.repeat(columns.length - header.split(',').length);
}

function epochOf(line: string): number {
  return Number(line.split(',', 1)[0]);
}
