/**
 * A run folder, `OUT/EXPERIMENT/`: where its files are, how it comes to be, how a run adds to it and how it is cut back
 * when an interrupted run goes on. Other programs rely on the names.
 *
 * It is prepared beside its place and renamed into it, so that a start that fails leaves nothing, and every file that
 * is replaced is replaced as a whole. Rows are added before the checkpoint of their epoch is written; on resuming,
 * rows beyond the checkpoint are dropped, and the finished files equal those of a run that was never interrupted.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { discard, discardUnfinished, makeFolder, syncFolder, writeDurably } from '../disk/durableFile.js';
import { readFault, writeFault } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import type { NetworkDescription } from '../program/networkDescription.js';
import type { QuantizerRow, Sizes, SizesRow } from '../program/quantizerReport.js';
import { guaranteesBudget } from '../settings/budget.js';
import { didYouMean } from '../settings/didYouMean.js';
import type { Experiment } from '../settings/experiment.js';
import { quantizesAnything } from '../settings/layerRules.js';
import { settingsDifference } from '../settings/settingsDifference.js';
import { namedMetrics, type Task, taskOf } from '../task.js';
import type { RunSummary } from '../train/summary.js';
import { configSchema, json, type RunConfig, readJson, summarySchema } from './runDocuments.js';
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

export type { RunConfig } from './runDocuments.js';

/** The paths of a run folder's files. */
export interface RunFolder {
  readonly root: string;
  /** True where results.csv has errors on the test images besides. */
  readonly tested: boolean;
  /** Decides how metrics are called in results.csv and summary.json. */
  readonly task: Task;
  readonly config: string;
  /** The operations between an image and its logits. */
  readonly network: string;
  readonly results: string;
  readonly trainLosses: string;
  readonly testLosses: string;
  /** Accuracies of classes; other tasks have no such files. */
  readonly trainAccuracies: string;
  readonly testAccuracies: string;
  readonly quantizers: string;
  readonly sizes: string;
  readonly paramsBest: string;
  readonly paramsLast: string;
  /** Everything that `--resume` needs. */
  readonly checkpoint: string;
  readonly summary: string;
  /** What the run tells while it trains. */
  readonly live: string;
  readonly plots: string;
}

/** The start of a run: what config.json tells of it beside the settings, and the checkpoint before the first step. */
export interface RunStart {
  readonly device: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly startingWeights?: RunConfig['starting_weights'];
  readonly teacher?: RunConfig['teacher'];
  readonly data?: RunConfig['data'];
  readonly network?: NetworkDescription;
  readonly checkpoint: Uint8Array;
}

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

/** The paths of the run folder at `root`; the curves of a quantized network are named `…_q.csv`. */
function runFolderAt(
  root: string,
  { quantized, tested, task }: Pick<RunFolder, 'tested' | 'task'> & { readonly quantized: boolean },
): RunFolder {
  const at = (name: string) => join(root, name);
  const ending = quantized ? '_q.csv' : '.csv';
  return {
    root,
    tested,
    task,
    config: at('config.json'),
    network: at('network.json'),
    results: at('results.csv'),
    trainLosses: at(`train_losses${ending}`),
    testLosses: at(`test_losses${ending}`),
    trainAccuracies: at(`train_accs${ending}`),
    testAccuracies: at(`test_accs${ending}`),
    quantizers: at('quantizers.csv'),
    sizes: at('sizes.csv'),
    paramsBest: at('params_best.safetensors'),
    paramsLast: at('params_last.safetensors'),
    checkpoint: at('checkpoint.safetensors'),
    summary: at('summary.json'),
    live: at('live.jsonl'),
    plots: at('plots'),
  };
}

/** The place of an experiment's run folder. Throws an `InputError` if its name is none for a folder. */
export function runRoot({ runName, configPath, out }: Experiment): string {
  if (/^[^./\\][^/\\]*$/.test(runName)) return join(out, runName);
  throw new InputError(
    `${configPath}: [${runName}] is no name for a run folder, which has no slashes and no dot at its beginning; give another with --name`,
  );
}

/**
 * Throws the `InputError` that `createRunFolder` would throw for what stands at its place now: a run that cannot begin
 * should say so before it loads anything.
 */
export function checkReplaceable(experiment: Experiment, force: boolean): void {
  const root = runRoot(experiment);
  if (!existsSync(root)) return;
  if (!existsSync(join(root, 'config.json'))) {
    throw new InputError(`${root}: is in the way and no run folder (it has no config.json); move it, or choose --out`);
  }
  if (!force)
    throw new InputError(
      `${root}: exists already; --resume goes on with it, --force replaces it, --name NAME makes another beside it`,
    );
}

/**
 * Creates the run folder of an experiment, whose lock the caller holds, with config.json, empty tables and a first
 * checkpoint: whatever happens from then on, the run can be resumed. An existing one is refused, or replaced with
 * `force`. Throws an `InputError` that says so, or that the place cannot be written.
 */
export function createRunFolder(experiment: Experiment, run: RunStart & { readonly force?: boolean }): RunFolder {
  const root = runRoot(experiment);
  checkReplaceable(experiment, run.force ?? false);

  const folder = runFolderAt(root, {
    quantized: quantizesAnything(experiment.settings),
    tested: experiment.training.select === 'validation',
    task: experiment.task,
  });
  const [out, name] = [dirname(root), basename(root)];
  const aside = join(out, `.${name}.new`);
  const old = join(out, `.${name}.old`);
  // What a killed start has left.
  for (const leftover of [aside, old]) discard(leftover);
  try {
    makeFolder(out);
    mkdirSync(aside);
    for (const [path, content] of initialFiles(folder, experiment, run)) {
      writeFileSync(join(aside, basename(path)), content, { flush: true });
    }
    if (existsSync(root)) renameSync(root, old);
    renameSync(aside, root);
    syncFolder(out);
  } catch (error) {
    discard(aside);
    if (existsSync(old) && !existsSync(root)) renameSync(old, root);
    throw writeFault(error, root);
  }
  discard(old);
  return folder;
}

/** Opens a run folder to plot or evaluate it. Throws an `InputError` if there is none at `root`. */
export function openRunFolder(root: string): { readonly folder: RunFolder; readonly config: RunConfig } {
  const path = join(root, 'config.json');
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw noRunFolder(root, path, error);
  }
  const config = readJson(path, configSchema);
  const { select } = config.settings;
  const quantized = quantizesAnything(config.settings);
  const task = taskOf(config.settings);
  return { folder: runFolderAt(root, { quantized, tested: select === 'validation', task }), config };
}

/**
 * Opens the run folder of an experiment that is to go on. Throws an `InputError` if there is none, or if the experiment
 * is not the one that was interrupted; it may have another number of epochs where that changes none of the earlier
 * ones.
 */
export function resumeRunFolder(experiment: Experiment): { readonly folder: RunFolder; readonly config: RunConfig } {
  const root = runRoot(experiment);
  if (!existsSync(root)) throw new InputError(`${root}: nothing to resume; leave out --resume to start`);
  const { folder, config } = openRunFolder(root);
  const fault = epochsFault(config.settings, experiment);
  if (fault) {
    const weights = `--weights ${folder.paramsLast} with another --out`;
    throw new InputError(
      `${root}: cannot resume, ${fault}; set it back, or begin a run from its parameters: ${weights}`,
    );
  }
  const { epochs } = experiment.settings;
  const change = settingsDifference({ ...config.settings, epochs }, experiment.settings);
  const difference = change ?? networkDifference(config.definition, experiment.network);
  if (difference)
    throw new InputError(`${root}: cannot resume, ${difference}; set it back, or start anew with --force`);
  discardUnfinished(root);
  return { folder, config };
}

/** Why a run cannot go on to another number of epochs: what its earlier ones did depended on it. */
function epochsFault(then: RunConfig['settings'], { settings, budget }: Experiment): string | null {
  const { epochs, schedule, learning_rate_drops: drops } = settings;
  if (then.epochs === epochs) return null;
  const change = `epochs was ${then.epochs}, now it is ${epochs}, and`;
  if (schedule === 'cosine') return `${change} the cosine brings the learning rate to 0 over the whole run`;
  if (guaranteesBudget(budget)) return `${change} bits are searched for in a part of the whole run`;
  const before = Array.isArray(then.learning_rate_drops) ? then.learning_rate_drops : [];
  if (before.join() === drops.join()) return null;
  const asBefore = `--learning-rate-drops ${before.join() || 'none'}`;
  return `${change} the learning rate would drop after epochs ${drops.join()} instead of ${before.join()} (${asBefore} keeps it)`;
}

/** The first layer in which a network of one's own differs from that of the run; null if none does. */
function networkDifference(then: unknown, { definition, model }: Experiment['network']): string | null {
  if (JSON.stringify(then) === JSON.stringify(definition)) return null;
  const before = (then as Experiment['network']['definition'])?.layers ?? [];
  const now = definition?.layers ?? [];
  const at = now.findIndex((layer, index) => JSON.stringify(layer) !== JSON.stringify(before[index]));
  const layer = now[at] ?? before[now.length];
  return `${model} defines another network than it did${layer ? `: ${layer.name} is not the same` : ''}`;
}

/** Gives a run that goes on another number of epochs: it is finished only when it has them. */
export function setEpochs(folder: RunFolder, config: RunConfig, epochs: number): void {
  if (config.settings.epochs === epochs) return;
  discard(folder.summary);
  writeDurably(folder.config, json({ ...config, settings: { ...config.settings, epochs } }));
}

/**
 * Cuts all tables back to the first `epochs` epochs, the ones that the checkpoint knows. Throws an `InputError` if a
 * table lacks some of them.
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
 * Adds an epoch (counted from 1, in `rows.results.iter`) to all tables. Throws an `Error` if results.csv does not end
 * with the epoch before: something else has written to it.
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

export function writeSummary(folder: RunFolder, summary: RunSummary): void {
  writeDurably(folder.summary, json(namedMetrics(summarySchema.parse(summary), folder.task)));
}

export function readSummary(folder: RunFolder): RunSummary {
  const named = z.record(z.string(), z.unknown()).transform((own) => namedMetrics(own, folder.task, true));
  return readJson(folder.summary, named.pipe(summarySchema));
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

/** The curves, a row an epoch each; accuracies are none where the task has no classes. */
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

function tables(folder: RunFolder): [path: string, header: string][] {
  return [
    [folder.results, tableHeader(resultsOf(folder))],
    [folder.trainLosses, tableHeader(lossTable)],
    [folder.testLosses, tableHeader(lossTable)],
    ...(hasAccuracies(folder)
      ? ([
          [folder.trainAccuracies, tableHeader(accuracyTable)],
          [folder.testAccuracies, tableHeader(accuracyTable)],
        ] as [string, string][])
      : []),
    [folder.quantizers, tableHeader(quantizersTable)],
    [folder.sizes, tableHeader(sizesTable)],
  ];
}

function initialFiles(
  folder: RunFolder,
  experiment: Experiment,
  { device, versions, startingWeights, teacher, data, network, checkpoint }: RunStart,
): [path: string, content: string | Uint8Array][] {
  const { resume: _, ...settings } = experiment.settings;
  const config: RunConfig = {
    experiment: experiment.name,
    cfg: experiment.configPath,
    settings,
    versions,
    device,
    seed: experiment.training.seed,
    starting_weights: startingWeights ?? null,
    teacher: teacher ?? null,
    definition: experiment.network.definition,
    data: data ?? null,
  };
  return [
    [folder.config, json(config)],
    ...(network ? [[folder.network, json(network)] as [string, string]] : []),
    [folder.checkpoint, checkpoint],
    ...tables(folder),
  ];
}

/** The error for a folder whose config.json cannot be opened: it may be there and closed, or the folder another one. */
function noRunFolder(root: string, config: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return readFault(error, config);
  const fault = existsSync(root) ? 'is no run folder (it has no config.json)' : 'no such run folder';
  return new InputError(`${root}: ${fault}${didYouMean(basename(root), runsBeside(root), dirname(root))}`);
}

function runsBeside(root: string): string[] {
  try {
    const names = readdirSync(dirname(root)).filter((name) => name !== basename(root) && !name.startsWith('.'));
    return names.filter((name) => existsSync(join(dirname(root), name, 'config.json')));
  } catch {
    return [];
  }
}
