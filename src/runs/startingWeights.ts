/**
 * Finds the file of parameters that an experiment starts from. The published files name it after the experiment that
 * made it (`params_DEFAULT/params_best.h5` or `NAME/params_best.h5`), so such a name, or NAME alone, means "the best
 * parameters of NAME" in any format; any other name is a file, or a run folder, which means its best parameters.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import { trainCommandLine } from '../settings/commandLine.js';
import { type ConfigFile, defaultSection } from '../settings/configFile.js';
import { didYouMean } from '../settings/didYouMean.js';
import { type Experiment, whereSet } from '../settings/experiment.js';
import { isOnnxFile } from '../settings/settings.js';
import { type LoadedWeights, readStartingWeights, readWeightFile } from '../weights/index.js';
import { isRunFolder } from './runFolder.js';

/**
 * The file to start from, or `null` for random weights. A name in the .cfg is searched first among the run folders,
 * then beside the .cfg file and in the current folder; one given on the command line, first in the current folder. An
 * ONNX network starts from its weights unless something else is given.
 *
 * @throws InputError that says which experiment to run first if there is no such file
 */
export function resolveStartingWeights(experiment: Experiment, file: ConfigFile): string | null {
  const written = experiment.training.startFrom;
  if (written === null) return weightsOfModel(experiment);
  return resolveParameters(experiment, file, { key: 'weightfile', written, without: 'to start from scratch' });
}

/** A key that names a file of parameters, or a run folder. */
interface NamedParameters {
  readonly key: 'weightfile' | 'distill';
  /** The key's value. */
  readonly written: string;
  /** The purpose of `none` as a value, in words. */
  readonly without: string;
}

/** The name of a run's best parameters in its folder. */
const bestName = 'params_best.safetensors';

/** Finds the file that a key names, as `resolveStartingWeights` does. */
export function resolveParameters(experiment: Experiment, file: ConfigFile, named: NamedParameters): string {
  const { key, written } = named;
  const source = experiment.sources.get(key);
  const prior = priorExperiment(written);
  const runFiles = prior === undefined ? [] : runParameters(experiment.out, prior);
  const candidates =
    source?.origin === 'call'
      ? [written, ...runFiles]
      : [...runFiles, resolve(dirname(experiment.configPath), written), written];
  const ownFolder = resolve(experiment.out, experiment.runName);
  const files = candidates.map(bestOfFolder).filter((path) => dirname(resolve(path)) !== ownFolder);
  const found = files.find(existsSync);
  if (found !== undefined) return found;
  const run = files.flatMap((path) => (basename(path) === bestName ? dirname(path) : [])).find(isRunFolder);
  const remedy = run === undefined ? whatToDo(experiment, file, prior, named) : withoutBest(run, named);
  throw new InputError(`${whereWritten(experiment, named)}: ${remedy}`);
}

function withoutBest(run: string, { without }: NamedParameters): string {
  const last = join(run, 'params_last.safetensors');
  return `${run} has no best parameters: no epoch has ended inside its budget yet; name ${last}, or none ${without}`;
}

/** The place of a key and its value, for messages. */
export function whereWritten(experiment: Experiment, { key, written }: NamedParameters): string {
  return `${whereSet(experiment, key)} = ${written}`;
}

function bestOfFolder(path: string): string {
  return isRunFolder(path) ? join(path, bestName) : path;
}

/** The file of the network if it holds weights too, unless the call asks for none. */
function weightsOfModel({ network: { model }, sources }: Experiment): string | null {
  return isOnnxFile(model) && !sources.has('weightfile') ? userPath(model) : null;
}

/** A file and the hash of its bytes, which tells whether it is still the same. */
export interface HashedFile {
  readonly file: string;
  readonly sha256: string;
}

export function hashedFile(file: string, bytes: Uint8Array = readFileSync(file)): HashedFile {
  return { file, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Weights to start from, and the file that they were read from. */
export interface RecordedWeights {
  readonly weights: LoadedWeights;
  readonly file: HashedFile;
}

/** Reads a file as `readStartingWeights` does, or the weights in an ONNX file. */
export async function readWeightsToStartFrom(path: string): Promise<RecordedWeights> {
  const bytes = readWeightFile(path);
  return { weights: await weightsIn(bytes, path), file: hashedFile(path, bytes) };
}

async function weightsIn(bytes: Uint8Array, path: string): Promise<LoadedWeights> {
  if (!path.toLowerCase().endsWith('.onnx')) return readStartingWeights(path, bytes);
  const { importOnnx } = await import('../onnx/index.js');
  return importOnnx(bytes, path).weights;
}

/** The experiment whose best parameters a `weightfile` means: NAME in `NAME/params_best.h5` or `params_NAME/…`, or alone. */
export function priorExperiment(written: string): string | undefined {
  return /^(?:params_)?([^/\\]+)[/\\]params_best\.(?:h5|safetensors)$|^([^./\\]+)$/
    .exec(written)
    ?.slice(1)
    .find(Boolean);
}

function runParameters(out: string, name: string): string[] {
  return [join(out, name, bestName), join(out, name, 'params_best.h5')];
}

function whatToDo(
  experiment: Experiment,
  file: ConfigFile,
  prior: string | undefined,
  { key, without }: NamedParameters,
): string {
  if (prior === undefined)
    return `no such file; name a run folder, a .safetensors, .pt or .h5 file, or none ${without}`;
  if (prior === experiment.runName) {
    return `is the result of this very experiment; name another, or none ${without}`;
  }
  if (prior !== defaultSection && !file.sections.has(prior)) {
    return `no such file, and no section [${prior}] in ${file.path}${didYouMean(prior, [...file.sections.keys()])}`;
  }
  // Keys on which images depend must be the same in both experiments, and so must those of the network, except a
  // teacher's.
  const shared = [...(key === 'weightfile' ? ['model', 'num_layers'] : []), 'data', 'image_size', 'out'];
  const options = shared.flatMap((key) => {
    const value = experiment.overrides.get(key);
    return value === undefined ? [] : [[key, value] as const];
  });
  return `experiment ${prior} has not been trained yet; first run: ${trainCommandLine(prior, file.path, options)}`;
}
