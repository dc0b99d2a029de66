/**
 * Prepares a run from its experiment and images to the first step, for the command line and for the library: the
 * program with its initial values, measured where needed, on an engine, with the state of a checkpoint.
 */

import type { Features, Moments } from '../data/features.js';
import { limit, split, usualSplit } from '../data/imageSet.js';
import type { Images } from '../data/imageStream.js';
import type { Engine } from '../engine/engine.js';
import { InputError } from '../errors.js';
import type { Variables } from '../nn/index.js';
import { describeNetwork, type NetworkDescription } from '../program/networkDescription.js';
import { teach } from '../program/parameters.js';
import { firstBefore, oneRank, type Ranks } from '../program/ranks.js';
import { openSession } from '../program/session.js';
import {
  buildTrainingProgram,
  type QuantizedNetwork,
  type TaughtBy,
  type TrainingProgram,
} from '../program/trainingProgram.js';
import { type Experiment, hasBudget, type ResolvedLayer, whereSet } from '../settings/index.js';
import type { LoadedWeights } from '../weights/loadedWeights.js';
import { type Checkpoint, checkpointFile, readCheckpoint, type StartingCheckpoint } from './checkpoint.js';
import type { CheckpointState } from './checkpointState.js';
import type { DataDescription } from './dataDescription.js';
import { describe } from './description.js';
import { type DataShape, dataShape, programOptions, resolvedLayers } from './programOptions.js';
import type { Recorder, TrainingEvents } from './recorder.js';
import type { RunSummary } from './summary.js';
import { initialState, train } from './train.js';

/** The images of a run. */
export interface TrainingImages {
  /** Names in the order of their labels. */
  readonly classes: readonly string[];
  readonly train: Images;
  /** Held out from the training images to choose the best parameters; `null` unless `select = validation`. */
  readonly validation: Images | null;
  readonly test: Images;
  readonly features?: Features | undefined;
  /** Mean and deviation for normalising inputs, unless the experiment gives others. */
  readonly moments?: Moments | undefined;
}

/**
 * The images of a set that an experiment uses: all, or as many as `key` says, chosen by the seed.
 *
 * @throws InputError if there are not as many
 */
export function limited<T extends Images>(experiment: Experiment, images: T, key: 'limit_train' | 'limit_val'): T {
  const { data, training } = experiment;
  const count = key === 'limit_train' ? data.limitTrain : data.limitVal;
  return count === null ? images : limit(images, count, training.seed, whereSet(experiment, key));
}

/**
 * The training images of an experiment, and those that select the best parameters: a set of the dataset, or a part of
 * the training images.
 *
 * @throws InputError if a part is asked for although there is a set
 */
export function heldOut<T extends Images>(
  experiment: Experiment,
  { train: images, validation }: { readonly train: T; readonly validation?: T | undefined },
): { readonly train: T; readonly validation: T | null } {
  const { data, training } = experiment;
  if (validation && training.select === 'validation') {
    if (data.validationSplit === null) return { train: images, validation };
    const where = whereSet(experiment, 'validation_split');
    throw new InputError(
      `${where} = ${data.validationSplit}: the data bring ${validation.count} inputs to choose by; leave it out`,
    );
  }
  const count = data.validationSplit ?? usualSplit(images.count);
  if (count === 0) return { train: images, validation: null };
  const { rest, held } = split(images, count, training.seed, whereSet(experiment, 'validation_split'));
  return { train: rest, validation: held };
}

/** The sets to evaluate: first the one that selects, then the test images if they are another. */
function evaluationSets({ validation, test }: TrainingImages): readonly [Images, ...Images[]] {
  return validation ? [validation, test] : [test];
}

export interface PreparationEvents {
  /** Reports the progress of a task before training, such as compiling. */
  task?(name: string, done: number, total: number): void;
  /** A line for the user. */
  line?(text: string): void;
  /** Called with the settings of every tensor, if there are rules for single ones. */
  onLayers?(layers: readonly ResolvedLayer[]): void;
}

/** A trained network that takes the same inputs and tells the same classes apart. */
export interface Teacher extends Pick<TaughtBy, 'scaling'> {
  readonly network: QuantizedNetwork;
  /** `null` where a checkpoint brings them. */
  readonly weights: LoadedWeights | null;
}

/** The start of a run. */
export interface TrainingStart {
  /** Parameters to start from; `null` for random ones, and if a checkpoint is given. */
  readonly starting: LoadedWeights | null;
  /** The teacher, if the experiment has one. */
  readonly teacher?: Teacher | null;
  /** The checkpoint to resume; `null` for a new run. */
  readonly checkpoint: StartingCheckpoint | null;
  /** Opens the engine for training; it stays open after the run. */
  engine(): Promise<Engine>;
  /** Opens a CPU engine for measuring activations: a run starts from the same values on every device. */
  cpuEngine(): Promise<Engine>;
  readonly description: DataDescription;
  readonly events: PreparationEvents;
  /** The processes that train together; by default only this one. */
  readonly ranks?: Ranks | undefined;
}

export interface OpenTraining {
  /** The program with its initial values. */
  readonly program: TrainingProgram;
  readonly variables: Variables;
  readonly network: NetworkDescription;
  /** The engine and its machine, in words. */
  readonly device: string;
  /** The bytes of a checkpoint at the present position. */
  checkpoint(): Promise<Uint8Array>;
  /** Trains as `train` does, and throws the same errors. */
  train(
    recorder: Recorder,
    options: { readonly signal?: AbortSignal | undefined; readonly events?: TrainingEvents | undefined },
  ): Promise<RunSummary | null>;
  /** Frees the program on the engine. */
  close(): Promise<void>;
}

/**
 * Opens a run.
 *
 * @throws InputError for faults of the experiment, its images, its starting weights or its checkpoint
 */
export async function openTraining(
  experiment: Experiment,
  images: TrainingImages,
  start: TrainingStart,
): Promise<OpenTraining> {
  const { checkpoint, description, events, ranks = oneRank } = start;
  checkBatchSize(experiment, images.train.count);
  const sets = evaluationSets(images);
  const shape = dataShape(images, description, sets[0].count, sets[1]?.count);
  const built = await buildProgram(experiment, images, shape, start);
  const { variables } = built;
  checkMoments(experiment, variables);
  const writeTeacher = start.teacher?.weights ? teach(built, start.teacher.weights) : null;
  await startQuantizers(experiment, images, built, start);
  if (experiment.layers.length > 0) events.onLayers?.(resolvedLayers(experiment, shape));
  const restored = checkpoint && restorable(experiment, checkpoint, built);
  const { engine, session } = await firstBefore(ranks, async () => {
    const opened = await start.engine();
    return { engine: opened, session: await openSession(opened, built, events.task, ranks) };
  });
  try {
    session.setTrainingImages(images.train);
    session.setEvaluationImages(...sets);
    writeTeacher?.(session.program);
    restored?.restore(session.program);
  } catch (error) {
    await session.program.dispose();
    throw error;
  }
  const { hasNewTargets = false } = checkpoint ?? {};
  const begun: CheckpointState = restored?.state ?? initialState(experiment);
  // The best parameters under other targets may not meet the new ones, nor may bits that were fitted to the old ones.
  const state = hasNewTargets ? { ...begun, best: null, fittedEpochs: 0 } : begun;
  const device = `${engine.name}: ${engine.description}`;
  const metadata = describe(experiment, description);
  return {
    program: built,
    variables,
    network: describeNetwork(built),
    device,
    checkpoint: () => checkpointFile(built, session.program, state),
    train: (recorder, options) =>
      train({
        ...{ experiment, session, trainImages: images.train, recorder, metadata, device, state, hasNewTargets },
        ...options,
      }),
    close: () => session.program.dispose(),
  };
}

/**
 * Builds the program, with the weights to start from if there are any, and tells which of these the network takes.
 *
 * @throws InputError if they belong to another network
 */
async function buildProgram(
  experiment: Experiment,
  images: TrainingImages,
  shape: DataShape,
  { starting, teacher = null, cpuEngine, events }: TrainingStart,
): Promise<TrainingProgram> {
  const options = { ...programOptions(experiment, shape, starting), distillation: distillation(experiment, teacher) };
  if (!starting) return buildTrainingProgram(options);
  // A page that starts from random weights fetches neither.
  const { measuredRemark, withMeasuredMoments } = await import('./batchNormStart.js');
  const { startLine } = await import('../weights/loadReport.js');
  const measured = await withMeasuredMoments(starting, options, images.train, cpuEngine);
  const built = buildTrainingProgram({ ...options, starting: measured });
  if (measured !== starting) events.line?.(measuredRemark);
  const line = startLine(built.variables, starting, images.classes);
  events.line?.(line);
  return built;
}

/**
 * Measures the start values of quantizers, unless a checkpoint has them, and tells what the run learns from, whether its
 * budget can be met, and whether too many weights start as zeros.
 *
 * @throws InputError if a guaranteed budget cannot be met
 */
async function startQuantizers(
  experiment: Experiment,
  { train: images }: TrainingImages,
  built: TrainingProgram,
  { teacher, checkpoint, cpuEngine, events }: TrainingStart,
): Promise<void> {
  const isFresh = !checkpoint && built.variables.quantizers.length > 0;
  // A page that trains in float fetches neither.
  const quantizers = isFresh ? await import('./quantizerStart.js') : null;
  const hasLimits = hasBudget(experiment.budget) || experiment.budget.costs !== null;
  const budget = hasLimits ? await import('./budgetLimits.js') : null;
  await quantizers?.startOnActivations(built, images, cpuEngine);
  const outlook = budget?.budgetOutlook(experiment, built);
  if (teacher?.weights) events.line?.(`learns from ${teacher.weights.source}, too`);
  if (outlook) events.line?.(outlook);
  const zeroed = quantizers?.zeroedWeights(built.variables);
  if (zeroed) events.line?.(zeroed);
}

/** The state of a checkpoint, to be restored; throws an `InputError` if it has trained more epochs than are asked for. */
function restorable(
  { training: { epochs } }: Experiment,
  checkpoint: StartingCheckpoint,
  built: TrainingProgram,
): Checkpoint {
  const restored = readCheckpoint(checkpoint, built);
  if (restored.state.epoch <= epochs) return restored;
  throw new InputError(
    `${checkpoint.source}: cannot resume to ${epochs} epochs, it has trained ${restored.state.epoch}; ` +
      'ask for as many or more',
  );
}

function distillation({ training: { distill } }: Experiment, teacher: Teacher | null): TaughtBy | null {
  if (!distill) return null;
  if (!teacher) throw new Error(`distill = ${distill.from}: whoever opens the training reads the teacher`);
  const { network, scaling } = teacher;
  return { teacher: network, scaling, temperature: distill.temperature, weight: distill.weight };
}

function checkMoments(experiment: Experiment, { running }: Variables): void {
  const { bnReestimate } = experiment.training;
  if (bnReestimate === 0 || running.length > 0) return;
  const where = whereSet(experiment, 'bn_reestimate');
  throw new InputError(
    `${where} = ${bnReestimate}: the network has no batch normalisation to measure anew; leave it out`,
  );
}

function checkBatchSize(experiment: Experiment, images: number): void {
  const { batchSize } = experiment.training;
  if (batchSize <= images) return;
  const where = whereSet(experiment, 'batch_size');
  throw new InputError(`${where} = ${batchSize}: more than the ${images} training images; use ${images} or less`);
}
