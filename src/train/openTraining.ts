/**
 * A run from its experiment and its images to the first step, the same for the command line and for the library: the
 * program with its start values, measured where they are to be, on an engine, with what a checkpoint knows.
 */

import type { Features, Moments } from '../data/features.js';
import { split, usualSplit } from '../data/imageSet.js';
import type { Images } from '../data/imageStream.js';
import type { Engine } from '../engine/engine.js';
import { InputError } from '../errors.js';
import type { Variables } from '../nn/index.js';
import { checkPlaces, teacherPlaces } from '../program/learnedValues.js';
import { describeNetwork, type NetworkDescription } from '../program/networkDescription.js';
import { firstBefore, oneRank, type Ranks } from '../program/ranks.js';
import { openSession } from '../program/session.js';
import { buildTrainingProgram, type TrainingProgram } from '../program/trainingProgram.js';
import type { Experiment, ResolvedLayer } from '../settings/index.js';
import { type LoadedWeights, startLine } from '../weights/loadedWeights.js';
import { startOnActivations } from './activationStart.js';
import { withMeasuredMoments } from './batchNormStart.js';
import { budgetOutlook } from './budgetLimits.js';
import { checkpointFile, readCheckpoint, type StartingCheckpoint } from './checkpoint.js';
import type { CheckpointState } from './checkpointState.js';
import type { DataDescription } from './dataDescription.js';
import { describe } from './description.js';
import { dataShape, programOptions, resolvedLayers } from './programOptions.js';
import type { Recorder, TrainingEvents } from './recorder.js';
import type { RunSummary } from './summary.js';
import { initialState, train } from './train.js';
import { zeroedWeights } from './zeroedWeights.js';

/** The images of a run. */
export interface TrainingImages {
  /** In the order of their labels. */
  readonly classes: readonly string[];
  readonly train: Images;
  /** Held out from the training images to choose the best parameters; `null` where the test images choose. */
  readonly validation: Images | null;
  readonly test: Images;
  readonly features?: Features | undefined;
  /** By which inputs are normalised where the experiment says nothing else. */
  readonly moments?: Moments | undefined;
}

/**
 * The training images of an experiment, and those that choose the best parameters: a set that the data bring along, or
 * a part of the training images.
 *
 * @throws InputError where a part is asked for although there is a set
 */
export function heldOut<T extends Images>(
  { data, training, sources }: Experiment,
  { train: images, validation }: { readonly train: T; readonly validation?: T | undefined },
): { readonly train: T; readonly validation: T | null } {
  if (validation && training.select === 'validation') {
    if (data.validationSplit === null) return { train: images, validation };
    const where = sources.get('validation_split')?.where ?? 'validation_split';
    throw new InputError(
      `${where} = ${data.validationSplit}: the data bring ${validation.count} inputs to choose by; leave it out`,
    );
  }
  const count = data.validationSplit ?? usualSplit(images.count);
  if (count === 0) return { train: images, validation: null };
  const { rest, held } = split(images, count, training.seed);
  return { train: rest, validation: held };
}

/** The sets to evaluate: the one that chooses first, then the test images if they are another. */
function evaluationSets({ validation, test }: TrainingImages): readonly [Images, ...Images[]] {
  return validation ? [validation, test] : [test];
}

export interface PreparationEvents {
  /** A task before training, such as compiling. */
  task?(name: string, done: number, total: number): void;
  /** A line that stays. */
  line?(text: string): void;
  /** Tells what holds for every tensor, where rules set the quantizers of single ones. */
  onLayers?(layers: readonly ResolvedLayer[]): void;
}

/** The beginning of a run. */
export interface TrainingStart {
  /** Parameters to start from; `null` for fresh ones, and where a checkpoint is given. */
  readonly starting: LoadedWeights | null;
  /** The parameters of the teacher, where the experiment has one; `null` where a checkpoint is given. */
  readonly teacher?: LoadedWeights | null;
  /** Where to go on; `null` for a run that begins. */
  readonly checkpoint: StartingCheckpoint | null;
  /** Opens the engine to train on; it stays open when the run is over. */
  engine(): Promise<Engine>;
  /** Opens a CPU engine to measure activations on: a run starts from the same values on every device. */
  cpuEngine(): Promise<Engine>;
  readonly description: DataDescription;
  readonly events: PreparationEvents;
  /** The processes that train together; by default this one alone. */
  readonly ranks?: Ranks | undefined;
}

export interface OpenTraining {
  /** The program with its start values. */
  readonly program: TrainingProgram;
  readonly variables: Variables;
  readonly network: NetworkDescription;
  /** The engine, in words. */
  readonly device: string;
  /** The bytes of the checkpoint at which the run stands. */
  checkpoint(): Promise<Uint8Array>;
  /** Trains as `train` does, and throws what it throws. */
  train(
    recorder: Recorder,
    options: { readonly signal?: AbortSignal | undefined; readonly events?: TrainingEvents | undefined },
  ): Promise<RunSummary | null>;
  /** Takes the program off the engine. */
  close(): Promise<void>;
}

/** @throws InputError for what is wrong with the experiment, its images, its starting weights or its checkpoint */
export async function openTraining(
  experiment: Experiment,
  images: TrainingImages,
  {
    starting,
    teacher = null,
    checkpoint,
    engine: openEngine,
    cpuEngine,
    description,
    events,
    ranks = oneRank,
  }: TrainingStart,
): Promise<OpenTraining> {
  checkBatchSize(experiment, images.train.count);
  const sets = evaluationSets(images);
  const shape = { ...dataShape(images, sets[0].count, sets[1]?.count), scaling: description };
  const options = programOptions(experiment, shape, starting);
  const measured = starting && (await withMeasuredMoments(starting, options, images.train, cpuEngine));
  const built = buildTrainingProgram({ ...options, starting: measured, teacher });
  const { variables } = built;
  checkMoments(experiment, variables);
  if (teacher) checkPlaces(teacherPlaces(built), teacher, []);
  if (!checkpoint) await startOnActivations(built, images.train, cpuEngine);
  const outlook = budgetOutlook(experiment, built);
  if (measured !== starting) {
    events.line?.(
      'batch normalisations that had been folded into the weights: their moments are measured on training images',
    );
  }
  if (starting) events.line?.(startLine(variables, starting, images.classes));
  if (teacher) events.line?.(`learns from ${teacher.source}, too`);
  if (outlook) events.line?.(outlook);
  const zeroed = checkpoint ? null : zeroedWeights(variables);
  if (zeroed) events.line?.(zeroed);
  if (experiment.layers.length > 0) events.onLayers?.(resolvedLayers(experiment, shape));
  const restored = checkpoint && readCheckpoint(checkpoint, built);
  if (restored && restored.state.epoch > experiment.training.epochs) {
    const { epochs } = experiment.training;
    throw new InputError(
      `${checkpoint.source}: cannot resume to ${epochs} epochs, it has trained ${restored.state.epoch}; ` +
        'ask for as many or more',
    );
  }
  const onCompiling = (done: number, total: number) => events.task?.('compiling', done, total);
  const { engine, session } = await firstBefore(ranks, async () => {
    const opened = await openEngine();
    return { engine: opened, session: await openSession(opened, built, onCompiling, ranks) };
  });
  try {
    session.setTrainingImages(images.train);
    session.setEvaluationImages(...sets);
    restored?.restore(session.program);
  } catch (error) {
    await session.program.dispose();
    throw error;
  }
  const { hasNewTargets = false } = checkpoint ?? {};
  const begun: CheckpointState = restored?.state ?? initialState(experiment);
  // What was best under other targets need not meet these.
  const state = hasNewTargets ? { ...begun, best: null } : begun;
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

function checkMoments({ training: { bnReestimate }, sources }: Experiment, { running }: Variables): void {
  if (bnReestimate === 0 || running.length > 0) return;
  const where = sources.get('bn_reestimate')?.where ?? 'bn_reestimate';
  throw new InputError(
    `${where} = ${bnReestimate}: the network has no batch normalisation to measure anew; leave it out`,
  );
}

function checkBatchSize({ training: { batchSize } }: Experiment, images: number): void {
  if (batchSize <= images) return;
  throw new InputError(`batch_size = ${batchSize}: more than the ${images} training images; use ${images} or less`);
}
