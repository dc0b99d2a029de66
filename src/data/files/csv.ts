/**
 * Tables in .csv files: a line an input, a column a feature, and a column of classes, or for other losses columns of
 * numbers (`target`, `target_NAME`) or of labels (`label_NAME`: 1, 0, or −1 for unknown). Test lines are marked by a
 * column `split`, or are in a file of their own in a folder; otherwise the seed chooses a fifth.
 */

import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import { classification, type Task } from '../../task.js';
import { type ColumnFeatures, standardising } from '../features.js';
import { choose, type Dataset, type ImageSet, split } from '../imageSet.js';

/** Possible names of the column of classes; one is needed. */
const labelNames = ['label', 'class', 'target'];
const splitName = 'split';
const splits = ['train', 'val', 'test'] as const;
type SplitName = (typeof splits)[number];
/** The largest file in bytes. Larger ones are slow to parse; as arrays, numbers take a tenth. */
const longestText = 2 ** 28;

type Table = Dataset<ImageSet<Float32Array>>;

/** A line of a table. */
interface Row {
  readonly line: number;
  readonly file: string;
  readonly cells: readonly string[];
}

interface RawTable {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/**
 * Loads a dataset from tables.
 *
 * @param location a .csv file, or a folder with train.csv, test.csv and perhaps val.csv
 * @param seed chooses the test lines if nothing else does
 * @param task decides which columns are targets; autoencoders need none
 * @param testOnly no training lines are needed, in a folder no train.csv
 * @throws InputError with file, line and column of a missing value or of text that is no number
 */
export async function loadCsv(
  location: string,
  seed: number,
  testOnly: boolean,
  task: Task = classification,
): Promise<Table> {
  const isFolder = (await inWords(stat(location), location)).isDirectory();
  const tables = isFolder ? await tablesIn(location, testOnly) : [await readTable(location)];
  const [{ columns }] = tables as [RawTable];
  for (const table of tables) checkColumns(table, columns);
  const { label, targets } = answerColumns(tables[0]!, task);
  const splitAt = isFolder ? -1 : columns.indexOf(splitName);
  const places = columns.flatMap((_, column) =>
    column === label || column === splitAt || targets.includes(column) ? [] : [column],
  );
  if (places.length === 0)
    throw new InputError(`${location}: has only columns ${columns.join(', ')}; no column of a feature`);
  const rows = tables.flatMap((table) => table.rows);
  const classes = label === null ? outputNames(columns, targets) : classesOf(rows.map(({ cells }) => cells[label]!));
  const all = { rows, set: toSet(rows, { columns, places, label, targets, classes }) };
  checkLabels(all, columns, targets, task);
  const nameOf = isFolder
    ? ({ file }: Row) => path.basename(file, '.csv')
    : splitAt >= 0
      ? (row: Row) => splitOf(row, splitAt)
      : null;
  const { train, test, val } = nameOf ? named(all, nameOf) : chosen(all.set, seed, location);
  for (const [name, { count }] of Object.entries(testOnly ? { test } : { train, test })) {
    if (count === 0) throw new InputError(`${location}: none of its ${rows.length} lines is for ${name}`);
  }
  const note = `${location}: no column ${splitName}; ${test.count} of ${rows.length} lines, chosen by the seed, are for testing`;
  return {
    name: path.basename(location),
    ...{ classes, train, test },
    ...(val.count > 0 && { validation: val }),
    features: { of: 'columns', names: places.map((column) => columns[column]!) },
    moments: standardising(train.images, train.channels),
    notes: nameOf ? [] : [note],
  };
}

/**
 * Reads the lines of a table as inputs of a network trained on these columns, in whatever order; other columns are
 * ignored.
 *
 * @throws InputError with the name of a missing column, or with the line of text that is no number
 */
export async function readCsvInputs(file: string, { names }: ColumnFeatures): Promise<ImageSet<Float32Array>> {
  const { columns, rows } = await readTable(file);
  const places = names.map((name) => {
    const column = columns.indexOf(name);
    if (column >= 0) return column;
    throw new InputError(`${file}: has no column ${name}; the network takes ${names.join(', ')}`);
  });
  return toSet(rows, { columns, places, label: null, targets: [], classes: [] });
}

async function tablesIn(folder: string, testOnly: boolean): Promise<RawTable[]> {
  const tables: RawTable[] = [];
  for (const name of splits) {
    const file = path.join(folder, `${name}.csv`);
    const isThere = await stat(file).then(
      () => true,
      () => false,
    );
    if (isThere) tables.push(await readTable(file));
    else if (name === 'test' || (name === 'train' && !testOnly)) {
      throw new InputError(
        `${file}: no such file; wanted in this folder: train.csv, test.csv, and val.csv if there is one`,
      );
    }
  }
  return tables;
}

async function readTable(file: string): Promise<RawTable> {
  const bytes = await inWords(readFile(file), file);
  if (bytes.length > longestText)
    throw new InputError(`${file}: larger than 256 MB; save its numbers as arrays (.npz)`);
  const records = recordsOf(decoded(bytes, file), file);
  const columns = records[0]?.cells ?? [];
  const unnamed = columns.findIndex((name, column) => name === '' || columns.indexOf(name) !== column);
  if (unnamed >= 0) {
    throw new InputError(
      `${file}: line 1: column ${unnamed + 1} is ${columns[unnamed] === '' ? 'without a name' : `called ${columns[unnamed]}, as another one`}`,
    );
  }
  if (records.length < 2) throw new InputError(`${file}: has no lines of numbers behind the names of its columns`);
  return { file, columns, rows: records.slice(1) };
}

function decoded(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new InputError(`${file}: is no UTF-8 text`);
  }
}

/** Cells separated by commas, or by semicolons or tabs if the first line has those. */
function recordsOf(text: string, file: string): Row[] {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  const delimiter = ['\t', ';'].find((sign) => first.includes(sign)) ?? ',';
  try {
    const shape = { relax_column_count: true, skip_empty_lines: true } as const;
    const options = { ...shape, delimiter, info: true, trim: true } as const;
    const records = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    const odd = records.find(({ record }) => record.length !== records[0]!.record.length);
    if (odd) {
      const [has, wanted] = [odd.record.length, records[0]!.record.length];
      throw new InputError(`${file}: line ${odd.info.lines}: has ${has} cells, the first line has ${wanted}`);
    }
    return records.map(({ record, info }) => ({ file, line: info.lines, cells: record }));
  } catch (error) {
    if (error instanceof CsvError) throw new InputError(`${file}: ${error.message}`);
    throw error;
  }
}

function checkColumns({ file, columns }: RawTable, first: readonly string[]): void {
  if (columns.join('\n') === first.join('\n')) return;
  throw new InputError(`${file}: its columns are ${columns.join(', ')}, those of the first file ${first.join(', ')}`);
}

/** The columns that are not features: that of classes, or those of targets. */
function answerColumns(
  table: RawTable,
  { loss, target }: Task,
): { readonly label: number | null; readonly targets: readonly number[] } {
  const { file, columns } = table;
  if (target === 'input') {
    const isThere = columns.some((name) => labelNames.includes(name));
    return { label: isThere ? labelColumn(table) : null, targets: [] };
  }
  if (loss === 'classes') {
    const label = labelColumn(table);
    demandClasses(table, label);
    return { label, targets: [] };
  }
  const form = targetForms[loss === 'labels' ? 'labels' : 'values'];
  const targets = columns.flatMap((name, column) => (form.test(name) ? [column] : []));
  if (targets.length > 0) return { label: null, targets };
  const wanted = loss === 'labels' ? 'label_NAME, 1, 0 or -1 each' : 'target, or target_NAME';
  throw new InputError(`${file}: has columns ${columns.join(', ')}; loss = ${loss} wants some called ${wanted}`);
}

/** Names of columns of targets, by the loss that they are for. */
const targetForms = { labels: /^label_./, values: /^target(_.|$)/ } as const;

/** Names of the outputs: the target columns, or a single class. */
function outputNames(columns: readonly string[], targets: readonly number[]): readonly string[] {
  return targets.length === 0 ? ['0'] : targets.map((column) => columns[column]!.replace(/^(target|label)_/, ''));
}

function checkLabels(
  { rows, set: { targets } }: { readonly rows: readonly Row[]; readonly set: ImageSet<Float32Array> },
  columns: readonly string[],
  places: readonly number[],
  { loss }: Task,
): void {
  const strange = loss === 'labels' ? targets!.values.findIndex((value) => ![0, 1, -1].includes(value)) : -1;
  if (strange < 0) return;
  const { file, line } = rows[Math.floor(strange / places.length)]!;
  const column = columns[places[strange % places.length]!];
  throw new InputError(`${file}: line ${line}: ${column} is ${targets!.values[strange]}; labels are 1, 0, or -1`);
}

function labelColumn({ file, columns }: RawTable): number {
  const found = columns.flatMap((name, column) => (labelNames.includes(name) ? [column] : []));
  if (found.length === 1) return found[0]!;
  const wanted = `one column of classes is wanted, called ${labelNames.join(' or ')}`;
  if (found.length > 0) throw new InputError(`${file}: has several; ${wanted}`);
  const hints = Object.entries(targetForms).flatMap(([loss, form]) => {
    const name = columns.find((each) => form.test(each));
    return name === undefined ? [] : [`${name} is for loss = ${loss}`];
  });
  if (hints.length === 0) hints.push('numbers are predicted with --loss values and a column called target');
  throw new InputError(`${file}: has columns ${columns.join(', ')}; ${[wanted, ...hints].join('; ')}`);
}

/** Throws an `InputError` for a column `target` of numbers that are not whole: a class would be made of each. */
function demandClasses({ file, columns, rows }: RawTable, column: number): void {
  if (columns[column] !== 'target') return;
  const labels = rows.map(({ cells }) => cells[column]!);
  const broken = labels.find((text) => !Number.isInteger(Number(text)));
  if (broken === undefined || !labels.every((text) => numberForm.test(text))) return;
  throw new InputError(
    `${file}: column target holds numbers such as ${broken}, which are for loss = values; call a column of classes label`,
  );
}

function splitOf({ file, line, cells }: Row, column: number): SplitName {
  const name = splits.find((known) => known === cells[column]);
  if (name) return name;
  throw new InputError(`${file}: line ${line}: ${splitName} is '${cells[column]}', it must be train, val or test`);
}

/** The classes in numerical order if all are whole numbers, else by code units. */
function classesOf(labels: readonly string[]): readonly string[] {
  const classes = [...new Set(labels)];
  const areNumbers = classes.every((name) => /^-?\d{1,15}$/.test(name));
  return classes.sort(areNumbers ? (a, b) => Number(a) - Number(b) : (a, b) => (a < b ? -1 : 1));
}

const numberForm = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function toSet(
  rows: readonly Row[],
  {
    columns,
    places,
    label,
    targets,
    classes,
  }: {
    readonly columns: readonly string[];
    readonly places: readonly number[];
    readonly label: number | null;
    /** Columns of targets, instead of a label. */
    readonly targets: readonly number[];
    readonly classes: readonly string[];
  },
): ImageSet<Float32Array> {
  const images = new Float32Array(rows.length * places.length);
  const labels = new Int32Array(rows.length);
  const values = new Float32Array(rows.length * targets.length);
  const numbers = new Map(classes.map((name, index) => [name, index]));
  rows.forEach(({ file, line, cells }, row) => {
    if (label !== null) labels[row] = numbers.get(cells[label]!)!;
    if (label !== null && cells[label] === '')
      throw new InputError(`${file}: line ${line}: ${columns[label]} is missing`);
    const numberIn = (column: number): number => {
      const text = cells[column]!;
      const value = numberForm.test(text) ? Math.fround(Number(text)) : Number.NaN;
      if (Number.isFinite(value)) return value;
      const fault = text === '' ? 'is missing' : `is '${text}', which is no finite number`;
      throw new InputError(`${file}: line ${line}: ${columns[column]} ${fault}`);
    };
    images.set(places.map(numberIn), row * places.length);
    values.set(targets.map(numberIn), row * targets.length);
  });
  const set = { images, labels, count: rows.length, height: 1, width: 1, channels: places.length };
  return targets.length === 0 ? set : { ...set, targets: { values, shape: [targets.length] } };
}

type Sets = Record<SplitName, ImageSet<Float32Array>>;

function named(
  { rows, set }: { rows: readonly Row[]; set: ImageSet<Float32Array> },
  nameOf: (row: Row) => string,
): Sets {
  const of = (name: SplitName) =>
    choose(set, Int32Array.from(rows.flatMap((row, index) => (nameOf(row) === name ? [index] : []))));
  return { train: of('train'), val: of('val'), test: of('test') };
}

/** The sets with a random fifth for testing. */
function chosen(set: ImageSet<Float32Array>, seed: number, location: string): Sets {
  if (set.count < 2) throw new InputError(`${location}: has one line; two at least are wanted, to train and to test`);
  const { rest, held } = split(set, Math.max(1, Math.floor(set.count / 5)), seed);
  return { train: rest, test: held, val: choose(set, new Int32Array(0)) };
}

async function inWords<T>(access: Promise<T>, file: string): Promise<T> {
  try {
    return await access;
  } catch (error) {
    throw readFault(error, file);
  }
}
