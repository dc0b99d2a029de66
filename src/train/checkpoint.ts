/**
 * Files of a run: parameters, to start other runs from and for evaluation, and the checkpoint, from which a run is
 * resumed with the same bits as if it had never stopped. Both are safetensors files, here as bytes. The checkpoint adds
 * the optimizer's state, moving averages, a teacher's parameters, the metrics of the epoch so far, and, as JSON in the
 * metadata, the position of the run and the settings that it depends on.
 */

import type { Program } from '../engine/engine.js';
import { InputError } from '../errors.js';
import { STORAGE } from '../nn/index.js';
import { learnedPlaces, optimizerPlaces, type Place, writePlaces } from '../program/learnedValues.js';
import { describeNetwork, describeQuantizers } from '../program/networkDescription.js';
import { checkLearned, copyParameters, copyTensors, teach, useFixedPairs } from '../program/parameters.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { parseSafetensorsFile, safetensorsFile } from '../weights/checkedSafetensors.js';
import { sound, weightsOf } from '../weights/loadedWeights.js';
import type { NamedTensor } from '../weights/safetensors.js';
import { type CheckpointState, readState } from './checkpointState.js';

/** A checkpoint to resume. */
export interface StartingCheckpoint {
  readonly file: Uint8Array;
  /** Name in messages. */
  readonly source: string;
  /** True if the run may have had other targets; those of the experiment hold from here on. */
  readonly hasNewTargets?: boolean;
}

export interface Checkpoint {
  readonly state: CheckpointState;
  /** Writes the engine's part of the checkpoint to a program. */
  restore(program: Program): void;
}

/** Begins the names of what the teacher knows. */
const TEACHER = 'teacher:';
const PARAMETERS = 'mixed-precision-dnns parameters';
const CHECKPOINT = 'mixed-precision-dnns checkpoint';
/** Incremented by changes that older programs cannot read. */
const VERSION = '1';

/** The texts of files of parameters that stay the same while a network trains, with `more` of the caller's. */
export function parametersMetadata(
  training: TrainingProgram,
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return { ...more, network: JSON.stringify(describeNetwork(training)), format: PARAMETERS, version: VERSION };
}

/** A file of parameters: what is in it, and its bytes. */
interface ParametersFile {
  readonly tensors: readonly NamedTensor[];
  readonly bytes: Uint8Array;
}

/**
 * Copies all learned values at the time of the call, as evaluation uses them. Resolves to a function that makes the
 * file of parameters, which takes milliseconds.
 */
export async function copyParametersFile(
  training: TrainingProgram,
  program: Program,
  metadata = parametersMetadata(training),
): Promise<() => ParametersFile> {
  const { variables } = training;
  const [copied, table] = await Promise.all([
    copyParameters(training, program),
    variables.quantizers.length > 0 ? program.read(STORAGE.quantizers) : [],
  ]);
  return () => {
    const tensors = copied();
    const quantizers = JSON.stringify(describeQuantizers(variables, table));
    return { tensors, bytes: safetensorsFile(tensors, { ...metadata, quantizers }) };
  };
}

/**
 * Copies the engine's state at the time of the call. Resolves to a function that makes the bytes of a checkpoint of it
 * and of the host's state, which takes milliseconds.
 */
export async function copyCheckpoint(
  training: TrainingProgram,
  program: Program,
): Promise<(state: CheckpointState) => Uint8Array> {
  const { teacher } = training;
  const [own, theirs] = await Promise.all([
    copyTensors(checkpointPlaces(training), training, program),
    teacher ? copyTensors(learnedPlaces({ variables: teacher }), { variables: teacher }, program) : () => [],
  ]);
  return (state) =>
    safetensorsFile([...own(), ...theirs().map((tensor) => ({ ...tensor, name: TEACHER + tensor.name }))], {
      format: CHECKPOINT,
      version: VERSION,
      state: JSON.stringify(state),
      settings: JSON.stringify(settingsOf(training)),
    });
}

/** The bytes of a checkpoint of engine and host at this point of a run. */
export async function checkpointFile(
  training: TrainingProgram,
  program: Program,
  state: CheckpointState,
): Promise<Uint8Array> {
  return (await copyCheckpoint(training, program))(state);
}

/** The targets, which may change when a run is resumed. */
const targets: ReadonlySet<string> = new Set(['budget.weightKbytes', 'budget.activationKbytes']);

/**
 * Reads the bytes of a checkpoint of this program, called `source` in messages, and gives the program's fixed
 * quantizers their constants; to be called before an engine loads the program.
 *
 * @throws InputError if the bytes are damaged, or if they belong to another network or other settings; with
 *   `hasNewTargets` targets may differ
 */
export function readCheckpoint(
  { file, source, hasNewTargets = false }: StartingCheckpoint,
  training: TrainingProgram,
): Checkpoint {
  const { tensors, metadata } = parseSafetensorsFile(file, source);
  if (metadata.format !== CHECKPOINT) throw new InputError(`${source}: no checkpoint of a run`);
  if (metadata.version !== VERSION) {
    throw new InputError(`${source}: has version ${metadata.version}, this program reads version ${VERSION}`);
  }
  const state = readState(parse(metadata.state, source));
  if (!state) throw new InputError(`${source}: damaged, its state is incomplete`);
  checkSettings(parse(metadata.settings, source), settingsOf(training), source, hasNewTargets ? targets : new Set());
  const weights = sound(weightsOf(tensors, source));
  const places = checkpointPlaces(training);
  const isTeachers = (name: string) => training.teacher !== null && name.startsWith(TEACHER);
  checkLearned(
    places,
    training,
    weights,
    weights.names.filter((name) => !isTeachers(name)),
  );
  useFixedPairs(training, weights);
  const theirs = { source, get: (name: string) => weights.get(TEACHER + name) };
  const restoreTeacher = training.teacher && teach(training, theirs);
  return {
    state,
    restore: (program) => {
      writePlaces(training, program, places, weights);
      restoreTeacher?.(program);
    },
  };
}

function checkpointPlaces(training: TrainingProgram): Place[] {
  return [...learnedPlaces(training), ...optimizerPlaces(training)];
}

/** All settings on which the numbers of a step depend, except initial values, which are overwritten. */
function settingsOf({ options }: TrainingProgram): object {
  const { starting: _starting, evaluation: _evaluation, ...settings } = options;
  return JSON.parse(JSON.stringify({ ...settings, exceptionNames: Object.keys(options.exceptions ?? {}) }));
}

function checkSettings(then: unknown, now: unknown, source: string, mayDiffer: ReadonlySet<string>): void {
  const before = new Map(leaves(then));
  for (const [key, value] of leaves(now)) {
    const old = before.get(key);
    // A setting younger than the checkpoint had the default that was built in then.
    if (old === undefined || old === value || mayDiffer.has(key)) continue;
    throw new InputError(`${source}: is of a run with other settings: ${key} was ${old}, now it is ${value}`);
  }
}

/** Every single value or list in nested settings with its path, as JSON. */
function leaves(value: unknown, path = ''): [key: string, json: string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, JSON.stringify(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path ? `${path}.${key}` : key));
}

function parse(json: string | undefined, source: string): unknown {
  try {
    return JSON.parse(json ?? '');
  } catch {
    throw new InputError(`${source}: damaged, its metadata is no JSON`);
  }
}
