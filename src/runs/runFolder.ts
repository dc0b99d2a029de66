/**
 * A run folder, `OUT/EXPERIMENT/`: its files, how it is created, opened and resumed. Other programs rely on the names. Rows are
 * appended and truncated by `folderTables.ts`.
 *
 * It is prepared beside its place and renamed into it, so that a start that fails leaves nothing, and every file is
 * replaced as a whole. Rows are appended before the checkpoint of their epoch is written. On resuming, rows beyond the
 * checkpoint are dropped, and the finished files equal those of a run that was never interrupted.
 */
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { discard, discardUnfinished, makeFolder, syncFolder, writeDurably } from '../disk/durableFile.js';
import { isMissing, readFault, writeFault } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import type { NetworkDescription } from '../program/networkDescription.js';
import { didYouMean } from '../settings/didYouMean.js';
import { epochsFault } from '../settings/epochsFault.js';
import type { Experiment } from '../settings/experiment.js';
import { quantizesAnything } from '../settings/layerRules.js';
import { namedMetrics, type Task, taskOf } from '../task.js';
import type { RunSummary } from '../train/summary.js';
import { tables } from './folderTables.js';
import { networkDifference, runDifference } from './runDifference.js';
import { configSchema, json, type RunConfig, readJson, summarySchema } from './runDocuments.js';

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
    throw new InputError(
      `${root}: cannot resume, ${difference}; set it back, or start anew with --force in place of --resume`,
    );
  discardUnfinished(root);
  return { folder, config };
}

/** Sets another number of epochs for a resumed run, which is finished only after these. */
export function setEpochs(folder: RunFolder, config: RunConfig, epochs: number): void {
  if (config.settings.epochs === epochs) return;
  discard(folder.summary);
  writeDurably(folder.config, json({ ...config, settings: { ...config.settings, epochs } }));
}

export function writeSummary(folder: RunFolder, summary: RunSummary): void {
  writeDurably(folder.summary, json(namedMetrics(summarySchema.parse(summary), folder.task)));
}

export function readSummary(folder: RunFolder): RunSummary {
  const named = z.record(z.string(), z.unknown()).transform((own) => namedMetrics(own, folder.task, true));
  return readJson(folder.summary, named.pipe(summarySchema));
}

function initialFiles(
  folder: RunFolder,
  experiment: Experiment,
  { device, versions, startingWeights, teacher, data, network, checkpoint }: RunStart,
): (readonly [path: string, content: string | Uint8Array])[] {
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
    ...(network ? [[folder.network, json(network)] as const] : []),
    [folder.checkpoint, checkpoint],
    ...tables(folder),
  ];
}

/**
 * The error for a folder whose config.json cannot be opened: it may be unreadable, or the folder may be another one.
 */
function noRunFolder(root: string, config: string, error: unknown): unknown {
  if (!isMissing(error)) return readFault(error, config);
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
