/** The tables of a run folder: an epoch is a row, or a row a quantizer. */
import { existsSync } from 'node:fs';
import { InputError } from '../errors.js';
import type { QuantizerRow, Sizes, SizesRow } from '../program/quantizerReport.js';
import { floatBits } from '../quant/index.js';
import { namedMetrics } from '../task.js';
import type { RunSummary } from '../train/summary.js';
import type { RunFolder } from './runFolder.js';
import {
  type AccuracyRow,
  accuracyTable,
  appendRows,
  type LossRow,
  lastEpoch,
  lossTable,
  quantizersTable,
  type RunRow,
  readRows,
  resultsTableOf,
  sizesTable,
  type Table,
  tableHeader,
  truncateRows,
} from './runTables.js';

/** The rows that one epoch adds to the tables. */
export interface EpochRows {
  readonly results: RunRow;
  readonly trainLoss: number;
  readonly testLoss: number;
  readonly trainAccuracy: number;
  readonly testAccuracy: number;
  readonly quantizers: readonly QuantizerRow[];
  readonly sizes: Sizes;
}

/**
 * Truncates all tables to the first `epochs` epochs, those of the checkpoint.
 *
 * @throws InputError if a table lacks some of them
 */
export function truncateRun(folder: RunFolder, epochs: number): void {
  for (const [path, header] of tables(folder)) {
    const last = truncateRows(path, header, epochs);
    const isComplete = last === epochs || (path === folder.quantizers && last === 0);
    if (isComplete) continue;
    throw new InputError(`${path}: ends at epoch ${last}, the run had finished ${epochs}; start anew with --force`);
  }
}

/**
 * Checks that a run folder has all its tables, with all epochs of its `summary` if it is finished, before anything is
 * made from them.
 *
 * @throws InputError naming the first that is missing or cut off
 */
export function checkTables(folder: RunFolder, summary: Pick<RunSummary, 'epochs' | 'bits'> | null): void {
  const wayOut = `bring it back, or move ${folder.root} away to train it again`;
  const missing = tables(folder).find(([path]) => !existsSync(path));
  if (missing) throw new InputError(`${missing[0]}: no such file; ${wayOut}`);
  if (!summary) return;
  const { epochs, bits } = summary;
  const isFloat = Object.values(bits).every((each) => each === floatBits);
  for (const [path] of tables(folder)) {
    const last = lastEpoch(path);
    if (last === epochs || (isFloat && path === folder.quantizers)) continue;
    throw new InputError(`${path}: ends at epoch ${last}, the run had finished ${epochs}; ${wayOut}`);
  }
}

/**
 * Appends an epoch (counted from 1, in `rows.results.iter`) to all tables.
 *
 * @throws Error if results.csv does not end with the previous epoch, since another program has written to it
 */
export function appendEpoch(folder: RunFolder, rows: EpochRows): void {
  const epoch = rows.results.iter;
  const last = lastEpoch(folder.results);
  if (last !== epoch - 1) {
    throw new Error(`${folder.results}: ends at epoch ${last}, epoch ${epoch} is to be added; who else writes to it?`);
  }
  appendRows(folder.results, resultsOf(folder), [namedMetrics(rows.results, folder.task)]);
  appendRows(folder.trainLosses, lossTable, [{ epoch, loss: rows.trainLoss }]);
  appendRows(folder.testLosses, lossTable, [{ epoch, loss: rows.testLoss }]);
  if (hasAccuracies(folder)) {
    appendRows(folder.trainAccuracies, accuracyTable, [{ epoch, accuracy: rows.trainAccuracy }]);
    appendRows(folder.testAccuracies, accuracyTable, [{ epoch, accuracy: rows.testAccuracy }]);
  }
  appendRows(folder.quantizers, quantizersTable, rows.quantizers);
  appendRows(folder.sizes, sizesTable, [{ epoch, ...rows.sizes }]);
}

export function readResults(folder: RunFolder): RunRow[] {
  return readRows(folder.results, resultsOf(folder)).map((row) => namedMetrics(row, folder.task, true));
}

export function readQuantizers(folder: RunFolder): QuantizerRow[] {
  return readRows(folder.quantizers, quantizersTable);
}

export function readSizes(folder: RunFolder): SizesRow[] {
  return readRows(folder.sizes, sizesTable);
}

/** The curves, one row an epoch; without accuracies if the task has no classes. */
export function readCurves(folder: RunFolder): {
  readonly trainLosses: LossRow[];
  readonly testLosses: LossRow[];
  readonly trainAccuracies: AccuracyRow[];
  readonly testAccuracies: AccuracyRow[];
} {
  return {
    trainLosses: readRows(folder.trainLosses, lossTable),
    testLosses: readRows(folder.testLosses, lossTable),
    trainAccuracies: hasAccuracies(folder) ? readRows(folder.trainAccuracies, accuracyTable) : [],
    testAccuracies: hasAccuracies(folder) ? readRows(folder.testAccuracies, accuracyTable) : [],
  };
}

function resultsOf({ task, tested }: RunFolder): Table<RunRow> {
  return resultsTableOf(task, tested);
}

function hasAccuracies({ task }: RunFolder): boolean {
  return task.loss === 'classes';
}

/** The paths of all tables, with their headers. */
export function tables(folder: RunFolder): (readonly [path: string, header: string])[] {
  return [
    [folder.results, tableHeader(resultsOf(folder))],
    [folder.trainLosses, tableHeader(lossTable)],
    [folder.testLosses, tableHeader(lossTable)],
    ...(hasAccuracies(folder)
      ? [folder.trainAccuracies, folder.testAccuracies].map((path) => [path, tableHeader(accuracyTable)] as const)
      : []),
    [folder.quantizers, tableHeader(quantizersTable)],
    [folder.sizes, tableHeader(sizesTable)],
  ];
}
