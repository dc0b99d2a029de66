/**
 * What a run keeps: files of parameters, for starting other runs and for evaluation, and the checkpoint, from which a
 * run goes on with the same bits as if it had never stopped. Both are safetensors files; the checkpoint adds what the
 * optimizer remembers, moving averages, the metrics of the epoch so far, and, as JSON in the metadata, the position of the run and the
 * settings it depends on.
 *
 * The pairs (n, d) and (n, m) of fixed quantizers are stored too: they follow the weights that a run started from,
 * which are not the weights it has later.
 */

import { z } from 'zod';
import type { Program } from '../engine/engine.js';
import { InputError } from '../errors.js';
import type { StartingWeights } from '../nn/index.js';
import {
  checkPlaces,
  evaluatedPlaces,
  learnedPlaces,
  optimizerPlaces,
  type Place,
  quantizerValueName,
  readPlaces,
  writePlaces,
} from '../program/learnedValues.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import type { ParameterName, Quantizer } from '../quant/index.js';
import { writeDurably } from '../runs/index.js';
import {
  type LoadedWeights,
  type NamedTensor,
  readSafetensors,
  safetensorsFile,
  weightsOf,
  writeSafetensors,
} from '../weights/index.js';

const count = z.int().nonnegative();
const word = count.max(2 ** 32 - 1);

const stateSchema = z.object({
  /** Finished epochs. */
  epoch: count,
  /** Batches done of the epoch under way. */
  batch: count,
  /** Updates of the optimizer since the run began. */
  step: count,
  /** The generator of the batches at the start of the epoch under way. */
  random: z.tuple([word, word, word, word]).readonly(),
  /** The smallest error so far of an epoch that obeys the budget. */
  best: z
    .object({ error: z.number(), epoch: count, testError: z.number().nullable().default(null) })
    .readonly()
    .nullable(),
  trainingSeconds: z.number().nonnegative(),
  imagesTrained: count,
  /** Error of the last evaluation. */
  lastError: z.number(),
  /** The same on the test images, where others choose the parameters. */
  lastTestError: z.number().nullable().default(null),
  /** Epochs at whose ends a guaranteed budget has been seen to: one more than finished if the evaluation failed. */
  fittedEpochs: count.default(0),
});

/** Where a run stands, apart from what lies on the engine. */
export type CheckpointState = Readonly<z.infer<typeof stateSchema>>;

export interface Checkpoint {
  readonly state: CheckpointState;
  /** Writes everything the engine had when the checkpoint was written. */
  restore(program: Program): void;
}

const PARAMETERS = 'mixed-precision-dnns parameters';
const CHECKPOINT = 'mixed-precision-dnns checkpoint';
/** Counts changes that older programs cannot read. */
const VERSION = '1';

/** Everything a network has learned, as evaluation uses it, with published names, in the border layout. */
export async function parameterTensors(training: TrainingProgram, program: Program): Promise<NamedTensor[]> {
  return tensorsAt(evaluatedPlaces(training), training, program);
}

/** Replaces a file of parameters. Throws what `writeDurably` throws. */
export async function writeParameters(
  path: string,
  training: TrainingProgram,
  program: Program,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const tensors = await parameterTensors(training, program);
  writeSafetensors(path, tensors, { ...metadata, format: PARAMETERS, version: VERSION });
}

/**
 * Replaces all learned values by those of a file, which must be of this very network and its quantizers. Throws an
 * `InputError` that says what differs.
 */
export function restoreParameters(training: TrainingProgram, program: Program, weights: LoadedWeights): void {
  const places = evaluatedPlaces(training);
  const fixed = fixedNames(training);
  // A checkpoint is a file of parameters too; what it has more carries a prefix with a colon.
  const names = weights.names.filter((name) => !fixed.has(name) && !name.includes(':'));
  checkPlaces(places, weights, names);
  writePlaces(training, program, places, weights);
}

/**
 * Gives fixed quantizers the pairs that a file has for them, instead of those that follow from the weights the program
 * was built with. To be called before an engine loads the program. Throws an `InputError` if a pair is missing or its bits differ.
 */
export function useFixedPairs({ variables }: TrainingProgram, weights: StartingWeights): void {
  for (const [row, quantizer] of variables.quantizers.entries()) {
    if (!quantizer.fixed) continue;
    const names = fixedValueNames(quantizer);
    const [bits, second] = names.map((name) => weights.get(name)?.values[0]);
    if (bits === undefined || second === undefined) {
      throw new InputError(`${weights.source}: lacks ${names.join(' or ')}; it belongs to other settings`);
    }
    if (bits !== quantizer.fixed[0]) {
      throw new InputError(`${weights.source}: ${quantizer.name} has ${bits} bits, here it has ${quantizer.fixed[0]}`);
    }
    variables.quantizers[row] = { ...quantizer, fixed: [bits, second] };
  }
}

/** Replaces the checkpoint at `path`. Throws what `writeDurably` throws. */
export async function writeCheckpoint(
  path: string,
  training: TrainingProgram,
  program: Program,
  state: CheckpointState,
): Promise<void> {
  writeDurably(path, await checkpointFile(training, program, state));
}

/** The bytes of a checkpoint: all that the engine and the host know at this point of a run. */
export async function checkpointFile(
  training: TrainingProgram,
  program: Program,
  state: CheckpointState,
): Promise<Uint8Array> {
  const tensors = await tensorsAt(checkpointPlaces(training), training, program);
  return safetensorsFile(tensors, {
    format: CHECKPOINT,
    version: VERSION,
    state: JSON.stringify(stateSchema.parse(state)),
    settings: JSON.stringify(settingsOf(training)),
  });
}

/**
 * Reads the checkpoint of a run of this program, and gives the program's fixed quantizers the pairs they had: to be
 * called before an engine loads the program. Throws an `InputError` if the file is missing or damaged, or if it is of
 * another network or other settings.
 */
export async function readCheckpoint(path: string, training: TrainingProgram): Promise<Checkpoint> {
  const { tensors, metadata } = readSafetensors(path);
  if (metadata.format !== CHECKPOINT) throw new InputError(`${path}: no checkpoint of a run`);
  if (metadata.version !== VERSION) {
    throw new InputError(`${path}: has version ${metadata.version}, this program reads version ${VERSION}`);
  }
  const state = stateSchema.safeParse(parse(metadata.state, path));
  if (!state.success) throw new InputError(`${path}: damaged, its state is incomplete`);
  checkSettings(parse(metadata.settings, path), settingsOf(training), path);
  const weights = weightsOf(tensors, path);
  const places = checkpointPlaces(training);
  const fixed = fixedNames(training);
  checkPlaces(
    places,
    weights,
    weights.names.filter((name) => !fixed.has(name)),
  );
  useFixedPairs(training, weights);
  return { state: state.data, restore: (program) => writePlaces(training, program, places, weights) };
}

function checkpointPlaces(training: TrainingProgram): Place[] {
  return [...learnedPlaces(training), ...optimizerPlaces(training)];
}

async function tensorsAt(
  places: readonly Place[],
  training: TrainingProgram,
  program: Program,
): Promise<NamedTensor[]> {
  return [...(await readPlaces(program, places)), ...fixedTensors(training)];
}

function fixedValueNames(quantizer: Quantizer): [string, string] {
  const second: ParameterName = quantizer.kind === 'fp' ? 'd' : 'm';
  return [quantizerValueName(quantizer, 'n'), quantizerValueName(quantizer, second)];
}

function fixedNames({ variables }: TrainingProgram): Set<string> {
  return new Set(variables.quantizers.flatMap((quantizer) => (quantizer.fixed ? fixedValueNames(quantizer) : [])));
}

/** Float64 on all engines, since the pairs are the host's. */
function fixedTensors({ variables }: TrainingProgram): NamedTensor[] {
  return variables.quantizers.flatMap((quantizer) => {
    const { fixed } = quantizer;
    if (!fixed) return [];
    return fixedValueNames(quantizer).map((name, index) => ({ name, shape: [], data: Float64Array.of(fixed[index]!) }));
  });
}

/** All that decides which numbers a step computes, but the start values: they have been replaced since. */
function settingsOf({ options }: TrainingProgram): object {
  const { starting: _starting, evaluation: _evaluation, ...settings } = options;
  return JSON.parse(JSON.stringify(settings));
}

function checkSettings(then: unknown, now: unknown, path: string): void {
  const before = new Map(leaves(then));
  for (const [key, value] of leaves(now)) {
    const old = before.get(key);
    // A setting younger than the checkpoint has the default that was built in then.
    if (old === undefined || old === value) continue;
    throw new InputError(`${path}: is of a run with other settings: ${key} was ${old}, now it is ${value}`);
  }
}

/** Every single value in nested settings with its path, as JSON. */
function leaves(value: unknown, path = ''): [key: string, json: string][] {
  if (typeof value !== 'object' || value === null) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key));
}

function parse(json: string | undefined, path: string): unknown {
  try {
    return JSON.parse(json ?? '');
  } catch {
    throw new InputError(`${path}: damaged, its metadata is no JSON`);
  }
}
