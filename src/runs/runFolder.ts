/**
 * A run folder, `OUT/EXPERIMENT/`: its files, how it is created, appended to, and truncated when an interrupted run is
 * resumed. Other programs rely on the names.
 *
 * It is prepared beside its place and renamed into it, so that a start that fails leaves nothing, and every file is
 * replaced as a whole. Rows are appended before the checkpoint of their epoch is written. On resuming, rows beyond the
 * checkpoint are dropped, and the finished files equal those of a run that was never interrupted.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { parseDataSpec } from '../data/dataSpec.js';
import { discard, discardUnfinished, makeFolder, syncFolder, writeDurably } from '../disk/durableFile.js';
import { codeOf, readFault, writeFault } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import type { NetworkDescription } from '../program/networkDescription.js';
import type { QuantizerRow, Sizes, SizesRow } from '../program/quantizerReport.js';
import { guaranteesBudget } from '../settings/budget.js';
import { didYouMean } from '../settings/didYouMean.js';
import type { Experiment } from '../settings/experiment.js';
import { quantizesAnything } from '../settings/layerRules.js';
import type { Settings } from '../settings/settingRules.js';
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
  /** True if results.csv has errors on the test images too. */
  readonly tested: boolean;
  /** Decides the names of metrics in results.csv and summary.json. */
  readonly task: Task;
  readonly config: string;
  /** The operations between an image and its logits. */
  readonly network: string;
  readonly results: string;
  readonly trainLosses: string;
  readonly testLosses: string;
  /** Accuracies for classes; other tasks have no such files. */
  readonly trainAccuracies: string;
  readonly testAccuracies: string;
  readonly quantizers: string;
  readonly sizes: string;
  readonly paramsBest: string;
  readonly paramsLast: string;
  /** Everything that `--resume` needs. */
  readonly checkpoint: string;
  readonly summary: string;
  /** The lines that the run writes while it trains. */
  readonly live: string;
  readonly plots: string;
}

/** The start of a run: the entries of config.json besides the settings, and the checkpoint before the first step. */
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

/**
 * The path of an experiment's run folder.
 *
 * @throws InputError if its name cannot be that of a folder
 */
export function runRoot({ runName, configPath, out }: Experiment): string {
  if (/^[^./\\][^/\\]*$/.test(runName)) return join(out, runName);
  throw new InputError(
    `${configPath}: [${runName}] is no name for a run folder, which has no slashes and no dot at its beginning; give another with --name`,
  );
}

/** Tells whether there is a run folder at a path. */
export function isRunFolder(root: string): boolean {
  return existsSync(join(root, 'config.json'));
}

/**
 * Throws the `InputError` that `createRunFolder` would throw for what is at its place now, before anything is loaded.
 */
export function checkReplaceable(experiment: Experiment, force: boolean): void {
  const root = runRoot(experiment);
  if (!existsSync(root)) return;
  if (!isRunFolder(root)) {
    throw new InputError(`${root}: is in the way and no run folder (it has no config.json); move it, or choose --out`);
  }
  if (!force)
    throw new InputError(
      `${root}: exists already; --resume goes on with it, --force replaces it, --name NAME makes another beside it`,
    );
}

/**
 * Creates the run folder of an experiment, whose lock the caller holds, with config.json, empty tables and a first
 * checkpoint, so that the run can be resumed whatever happens from then on. An existing one is refused, or replaced
 * with `force`.
 *
 * @throws InputError if there is one without `force`, or if the place cannot be written
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
  // Left by a killed start.
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

/**
 * Opens a run folder for plots or evaluation.
 *
 * @throws InputError if there is none at `root`
 */
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
 * Opens the run folder of an experiment to resume.
 *
 * @throws InputError if there is none, or if the experiment is not the interrupted one; it may have another number of
 *   epochs if that changes none of the earlier ones
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
  const change = runDifference({ ...config, settings: { ...config.settings, epochs } }, experiment.settings);
  const difference = change ?? networkDifference(config.definition, experiment.network);
  if (difference)
    throw new InputError(`${root}: cannot resume, ${difference}; set it back, or start anew with --force`);
  discardUnfinished(root);
  return { folder, config };
}

/**
 * The first difference between the settings of a run and those of now in words, `null` for none. Images may lie in
 * another place than then if config.json has their fingerprints, with which they are compared once they are loaded.
 */
export function runDifference({ settings, data }: RunConfig, now: Settings): string | null {
  const isMoved = data !== null && placeless(String(settings.data)) === placeless(now.data);
  return settingsDifference(isMoved ? { ...settings, data: now.data } : settings, now);
}

/** A value of `data` without the place of the images. */
function placeless(data: string): string {
  const { location: _, ...rest } = parseDataSpec(data);
  return JSON.stringify(rest);
}

/**
 * The reason why a run cannot be resumed with another number of epochs: its earlier ones depended on it; null if it
 * can.
 */
function epochsFault(then: RunConfig['settings'], { settings, budget }: Experiment): string | null {
  const { epochs, schedule, learning_rate_drops: drops } = settings;
  if (then.epochs === epochs) return null;
  const change = `epochs was ${then.epochs}, now it is ${epochs}, and`;
  if (schedule === 'cosine') return `${change} the cosine brings the learning rate to 0 over the whole run`;
  if (guaranteesBudget(budget)) return `${change} bits are searched for in a part of the whole run`;
  if (settings.damp_oscillations > 0) return `${change} the damping of oscillations rises over the whole run`;
  const before = Array.isArray(then.learning_rate_drops) ? then.learning_rate_drops : [];
  const [was, is] = [before, drops].map((each) => each.join() || 'none');
  if (was === is) return null;
  const asBefore = `--learning-rate-drops ${was}`;
  return `${change} the learning rate would drop after epochs ${is} instead of ${was} (${asBefore} keeps it)`;
}

/** The first layer in which a network definition differs from that of the run; null for none. */
function networkDifference(then: unknown, { definition, model }: Experiment['network']): string | null {
  if (JSON.stringify(then) === JSON.stringify(definition)) return null;
  const before = (then as Experiment['network']['definition'])?.layers ?? [];
  const now = definition?.layers ?? [];
  const at = now.findIndex((layer, index) => JSON.stringify(layer) !== JSON.stringify(before[index]));
  const layer = now[at] ?? before[now.length];
  return `${model} defines another network than it did${layer ? `: ${layer.name} is not the same` : ''}`;
}

/** Sets another number of epochs for a resumed run, which is finished only after these. */
export function setEpochs(folder: RunFolder, config: RunConfig, epochs: number): void {
  if (config.settings.epochs === epochs) return;
  discard(folder.summary);
  writeDurably(folder.config, json({ ...config, settings: { ...config.settings, epochs } }));
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
 * Checks that a run folder has all its tables, before anything is made from them.
 *
 * @throws InputError naming the first that is missing
 */
export function checkTables(folder: RunFolder): void {
  const missing = tables(folder).find(([path]) => !existsSync(path));
  if (!missing) return;
  throw new InputError(`${missing[0]}: no such file; bring it back, or move ${folder.root} away to train it again`);
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

/**
 * The error for a folder whose config.json cannot be opened: it may be unreadable, or the folder may be another one.
 */
function noRunFolder(root: string, config: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code !== 'ENOENT' && code !== 'ENOTDIR') return readFault(error, config);
  const fault = existsSync(root) ? 'is no run folder (it has no config.json)' : 'no such run folder';
  return new InputError(`${root}: ${fault}${didYouMean(basename(root), runsBeside(root), dirname(root))}`);
}

function runsBeside(root: string): string[] {
  try {
    const names = readdirSync(dirname(root)).filter((name) => name !== basename(root) && !name.startsWith('.'));
    return names.filter((name) => isRunFolder(join(dirname(root), name)));
  } catch {
    return [];
  }
}
