/**
 * The training loop: epochs of replayed steps, an evaluation after each, rows and parameters to a recorder.
 *
 * All random numbers come from one generator whose state at the start of the epoch is kept, so a run that stops
 * anywhere is resumed with the same bits. The host reads metrics back a few times a second at most.
 *
 * A GPU runs out of queued work while the host does something else for more than a few milliseconds. So evaluations are
 * queued, and the results of an epoch are copied on the device as the epoch ends. They are recorded part by part
 * between steps of the next one, and then the batches of the one after it are drawn.
 */

import { type BatchTable, trainingEpoch } from '../data/batches.js';
import { type Images, sizesOf } from '../data/imageStream.js';
import { createRandom, type RandomState, randomStreams } from '../data/random.js';
import { STORAGE } from '../nn/index.js';
import { METRICS_LENGTH } from '../ops/attributes.js';
import type { Session } from '../program/session.js';
import type { Experiment } from '../settings/index.js';
import { beginBudget, keepBudget } from './budgetKeeper.js';
import { checkpointFile, parametersMetadata } from './checkpoint.js';
import type { CheckpointState } from './checkpointState.js';
import { endEpoch, nothingToConclude, type QueuedEvaluations } from './epochEnd.js';
import type { Recorder, TrainingEvents } from './recorder.js';
import { settleChannels } from './settleChannels.js';
import { type RunSummary, summarize } from './summary.js';
import { isStopping, meansOf, stepsBetween, trainBatches } from './trainingSteps.js';

export interface TrainingRun {
  readonly experiment: Experiment;
  readonly session: Session;
  readonly trainImages: Images;
  readonly recorder: Recorder;
  /** The description for files of parameters. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** The engine and its machine, in words. */
  readonly device: string;
  /** The state to go on from; `initialState` for a new run. */
  readonly state: CheckpointState;
  /** True if the state belongs to a run with other targets; the experiment's are met from here on. */
  readonly hasNewTargets?: boolean;
  /** When aborted, such as by Ctrl-C, the run stops between two steps with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly events?: TrainingEvents | undefined;
}

/** The state before the first step of a new run. */
export function initialState(experiment: Experiment): CheckpointState {
  return {
    epoch: 0,
    batch: 0,
    step: 0,
    random: createRandom(experiment.training.seed, randomStreams.batches).getState(),
    best: null,
    seconds: 0,
    trainingSeconds: 0,
    imagesTrained: 0,
    lastError: 1,
    lastTestError: null,
    fittedEpochs: 0,
  };
}

/**
 * Trains to the last epoch, or until the signal; then it writes a checkpoint and returns null. Long epochs write
 * checkpoints in between, from which they can be resumed.
 *
 * @throws TrainingFault if the loss, a parameter, or the error of an evaluation is no longer finite; the last checkpoint
 *   stays.
 */
export async function train(run: TrainingRun): Promise<RunSummary | null> {
  const { experiment, session, recorder } = run;
  const { epochs, batchSize } = experiment.training;
  const drawn = epochDraws(run);
  let state = run.state;
  const metadata = parametersMetadata(session.training, run.metadata);
  let conclusion = nothingToConclude;
  recorder.begin(state);
  await settleChannels(session);
  if (state.step === 0 || run.hasNewTargets) await beginBudget(experiment, session, state.epoch);
  const started = performance.now();
  const secondsBefore = state.seconds;
  const secondsSoFar = () => secondsBefore + (performance.now() - started) / 1000;
  /** Time of the epoch, as far as this call trains it: there may be checkpoints in between. */
  let spent = { ms: 0, waitMs: 0 };
  while (state.epoch < epochs) {
    const { table, after } = drawn(state.random);
    session.setBatches(table, state.batch);
    if (state.batch === 0) session.program.write(STORAGE.metrics, new Float64Array(METRICS_LENGTH));
    const before = performance.now();
    const waitBefore = session.waitMs;
    const prepare = () => void (state.epoch + 1 < epochs && drawn(after));
    const { done, sums, fault, isStopped, oscillating } = await trainBatches(run, state, table.batches, {
      conclusion,
      prepare,
    }).catch(async (error) => {
      // The previous epoch is recorded, if it was copied before the engine failed.
      await conclusion.finish().catch(() => {});
      throw error;
    });
    const metrics = meansOf(run, sums);
    const elapsedMs = performance.now() - before;
    spent = { ms: spent.ms + elapsedMs, waitMs: spent.waitMs + session.waitMs - waitBefore };
    state = {
      ...state,
      ...(await conclusion.finish()),
      step: state.step + done - state.batch,
      imagesTrained: state.imagesTrained + (done - state.batch) * batchSize,
      seconds: secondsSoFar(),
      trainingSeconds: state.trainingSeconds + elapsedMs / 1000,
      batch: done,
    };
    if (done < table.batches) {
      if (fault) throw await keptFault(run, state, fault);
      recorder.checkpoint(await checkpointFile(session.training, session.program, state));
      if (isStopped) return null;
      continue;
    }
    const waiting = spent.waitMs / spent.ms;
    spent = { ms: 0, waitMs: 0 };
    state = await fitted(run, state, table);
    const { momentsMs, ...evaluations } = await orKept(run, state, queueEvaluations(run, table));
    const trainingSeconds = state.trainingSeconds + momentsMs / 1000;
    state = { ...state, seconds: secondsSoFar(), trainingSeconds, epoch: state.epoch + 1, batch: 0, random: after };
    conclusion = endEpoch(run, state, { training: metrics, waiting, oscillating, ...evaluations, metadata });
    if (stepsBetween(run, table.batches) === 0) await conclusion.finish();
    if (state.epoch < epochs && (await isStopping(run))) {
      await conclusion.finish();
      return null;
    }
  }
  state = { ...state, ...(await conclusion.finish()) };
  const times = { seconds: secondsSoFar(), device: run.device };
  const summary = summarize(experiment, session.training.variables, recorder, state, times);
  recorder.finish(summary);
  return summary;
}

interface DrawnEpoch {
  readonly table: BatchTable;
  /** State of the generator after the epoch. */
  readonly after: RandomState;
}

/** Draws epochs by the state of the generator before them, and remembers the current and the next one. */
function epochDraws({ experiment, trainImages }: TrainingRun): (from: RandomState) => DrawnEpoch {
  const { augment, augmentShift: shift, augmentMirror: mirror } = experiment.data;
  const { batchSize, seed } = experiment.training;
  const random = createRandom(seed, randomStreams.batches);
  const cropSizes = augment === 'resized_crop' ? sizesOf(trainImages) : undefined;
  let remembered: readonly (DrawnEpoch & { readonly from: RandomState })[] = [];
  return (from) => {
    const known = remembered.find((epoch) => epoch.from === from);
    if (known) return known;
    random.setState(from);
    const table = trainingEpoch(trainImages.count, batchSize, random, { shift, mirror, cropSizes });
    const epoch = { from, table, after: random.getState() };
    remembered = [...remembered.slice(-1), epoch];
    return epoch;
  };
}

/** Keeps the budget at the end of an epoch, unless a checkpoint says that it is kept, and settles channels. */
async function fitted(run: TrainingRun, state: CheckpointState, table: BatchTable): Promise<CheckpointState> {
  const { experiment, session } = run;
  if (state.fittedEpochs <= state.epoch) {
    await orKept(run, state, keepBudget(experiment, session, state.epoch + 1, table));
  }
  await settleChannels(session);
  return { ...state, fittedEpochs: state.epoch + 1 };
}

/** The result of work; if it fails, the error of `keptFault`. */
async function orKept<T>(run: TrainingRun, state: CheckpointState, work: Promise<T>): Promise<T> {
  return work.catch(async (error: Error) => {
    throw await keptFault(run, state, error);
  });
}

/** Records a checkpoint after an image could not be decoded, if the engine still answers. Returns the error to throw. */
async function keptFault({ session, recorder }: TrainingRun, state: CheckpointState, fault: Error): Promise<Error> {
  try {
    recorder.checkpoint(await checkpointFile(session.training, session.program, state));
  } catch {
    return fault;
  }
  return recorder.keptFault(fault);
}

/**
 * Queues the evaluation of all sets, after re-estimating batch normalisation's moments on the epoch's first batches if the
 * experiment says so.
 */
async function queueEvaluations(
  { session, experiment }: TrainingRun,
  table: BatchTable,
): Promise<QueuedEvaluations & { readonly momentsMs: number }> {
  const before = performance.now();
  if (experiment.training.bnReestimate > 0) await session.measureMoments(table);
  const momentsMs = performance.now() - before;
  const { result: evaluation } = await session.queueEvaluation();
  // The test images are for the report only: they select no parameters and change no state.
  const test = experiment.training.select === 'validation' ? (await session.queueEvaluation(1)).result : null;
  return { evaluation, test, momentsMs };
}
