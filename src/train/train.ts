/**
 * The training loop: epochs of replayed steps, an evaluation after each, rows and parameters in the run folder.
 *
 * Everything random comes from one generator whose state at the start of the epoch is kept, so a run that stops anywhere
 * goes on with the same bits. The host reads metrics back a few times a second at most.
 */

import { setImmediate } from 'node:timers/promises';
import { type BatchTable, createRandom, type Images, type Random, sizesOf, trainingEpoch } from '../data/index.js';
import { InputError } from '../errors.js';
import { STORAGE } from '../nn/index.js';
import { CONTROL_LENGTH, METRICS, METRICS_LENGTH } from '../ops/attributes.js';
import type { Evaluation } from '../program/evaluate.js';
import type { Session } from '../program/session.js';
import { floatBits } from '../quant/index.js';
import { appendEpoch, type RunFolder, type RunSummary, readQuantizers, readSizes, truncateRun } from '../runs/index.js';
import { type Experiment, obeysBudget } from '../settings/index.js';
import { areBitsFrozen, beginBudget, keepBudget } from './budgetKeeper.js';
import { type CheckpointState, writeCheckpoint, writeParameters } from './checkpoint.js';
import { type QuantizerReport, quantizerReport } from './quantizerReport.js';
import { averageWeight, learningRate, stepSize } from './schedule.js';

/** Sums over the steps of the present epoch, as means: errors as fractions. */
export interface TrainingMetrics {
  readonly error: number;
  readonly loss1: number;
  readonly loss2: number;
  readonly loss3: number;
}

export interface EpochReport {
  /** Counted from 1. */
  readonly epoch: number;
  readonly training: TrainingMetrics;
  /** loss1 and the penalties with their factors. */
  readonly loss: number;
  readonly evaluation: Evaluation;
  /** Of the test images, where the evaluation is of a validation split. */
  readonly test: Evaluation | null;
  readonly quantizers: QuantizerReport;
  readonly obeysBudget: boolean;
  readonly isBest: boolean;
  readonly imagesPerSecond: number;
  /** Share of the epoch's training in which the engine waited for images to be decoded. */
  readonly waiting: number;
}

export interface TrainingEvents {
  /** Some batches further; `metrics` are of this epoch so far. */
  onStep?(at: {
    epoch: number;
    batch: number;
    batches: number;
    metrics: TrainingMetrics;
    imagesPerSecond: number;
    /** Share of the time in which the engine waited for images to be decoded. */
    waiting: number;
  }): void;
  onEpoch?(report: EpochReport): void;
}

export interface TrainingRun {
  readonly experiment: Experiment;
  readonly session: Session;
  readonly trainImages: Images;
  readonly folder: RunFolder;
  readonly device: string;
  /** Where to go on; a fresh run begins with `initialState`. */
  readonly state: CheckpointState;
  /** Aborted by Ctrl-C: the run stops between two steps with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly events?: TrainingEvents | undefined;
}

/** A run that cannot go on: the message names the step and the first layer whose numbers are not finite. */
export class TrainingFault extends Error {
  override readonly name = 'TrainingFault';
}

/** The stream of random numbers that shuffles and augments; start values come from another one. */
const BATCH_STREAM = 2;

const METRICS_INTERVAL_MS = 250;

export function initialState(experiment: Experiment): CheckpointState {
  return {
    epoch: 0,
    batch: 0,
    step: 0,
    random: createRandom(experiment.training.seed, BATCH_STREAM).getState(),
    best: null,
    trainingSeconds: 0,
    imagesTrained: 0,
    lastError: 1,
    lastTestError: null,
    fittedEpochs: 0,
  };
}

/**
 * Trains to the last epoch, or until the signal: then returns null with a checkpoint written. Longer epochs write
 * checkpoints on their way, from which they go on as a resumed run does.
 *
 * @throws TrainingFault if the loss is no longer finite; the last checkpoint stays.
 */
export async function train(run: TrainingRun): Promise<RunSummary | null> {
  const { experiment, session, folder } = run;
  const { epochs, batchSize, seed } = experiment.training;
  const random = createRandom(seed, BATCH_STREAM);
  let state = run.state;
  truncateRun(folder, state.epoch);
  if (state.step === 0) await beginBudget(experiment, session);
  const started = performance.now();
  const secondsBefore = state.trainingSeconds;
  while (state.epoch < epochs) {
    random.setState(state.random);
    const table = drawEpoch(run, random);
    session.setBatches(table, state.batch);
    if (state.batch === 0) session.program.write(STORAGE.metrics, new Float64Array(METRICS_LENGTH));
    const before = performance.now();
    const waitBefore = session.waitMs;
    const { done, fault } = await runBatches(run, state, table.batches);
    const metrics = await readMetrics(run, state);
    const elapsedMs = performance.now() - before;
    state = {
      ...state,
      step: state.step + done - state.batch,
      imagesTrained: state.imagesTrained + (done - state.batch) * batchSize,
      trainingSeconds: state.trainingSeconds + elapsedMs / 1000,
      batch: done,
    };
    if (done < table.batches) {
      if (fault) throw await keptFault(run, state, fault);
      await writeCheckpoint(folder.checkpoint, session.training, session.program, state);
      if (run.signal?.aborted) return null;
      continue;
    }
    const waiting = (session.waitMs - waitBefore) / elapsedMs;
    if (state.fittedEpochs <= state.epoch) await keepBudget(experiment, session, state.epoch + 1);
    state = { ...state, fittedEpochs: state.epoch + 1 };
    const evaluations = await evaluateAll(run).catch(async (error: Error) => {
      throw await keptFault(run, state, error);
    });
    const results = { training: metrics, waiting, ...evaluations };
    state = await finishEpoch(run, { ...state, epoch: state.epoch + 1, batch: 0, random: random.getState() }, results);
    if (run.signal?.aborted && state.epoch < epochs) return null;
  }
  const seconds = secondsBefore + (performance.now() - started) / 1000;
  return summarize(run, state, seconds);
}

function drawEpoch({ experiment, trainImages }: TrainingRun, random: Random): BatchTable {
  const { augment, augmentShift: shift, augmentMirror: mirror } = experiment.data;
  const cropSizes = augment === 'resized_crop' ? sizesOf(trainImages) : undefined;
  return trainingEpoch(trainImages.count, experiment.training.batchSize, random, { shift, mirror, cropSizes });
}

/**
 * The batches done of the epoch: fewer than all if the signal came, if it is time for a checkpoint, or if the images of
 * the next could not be had.
 */
interface Progress {
  readonly done: number;
  readonly fault?: Error;
}

async function runBatches(run: TrainingRun, state: CheckpointState, batches: number): Promise<Progress> {
  const { experiment, session, signal, events } = run;
  const { program, training } = session;
  const lambdas = areBitsFrozen(experiment, state.epoch)
    ? [0, 0]
    : [experiment.budget.lambda2, experiment.budget.lambda3];
  const control = new Float64Array(CONTROL_LENGTH);
  const started = performance.now();
  const waitBefore = session.waitMs;
  let reported = started;
  for (let batch = state.batch; batch < batches; batch++) {
    if (signal?.aborted) return { done: batch };
    try {
      await session.useBatch(batch);
    } catch (error) {
      return { done: batch, fault: error as Error };
    }
    const step = state.step + batch - state.batch;
    const rate = stepSize(training.options.solver, learningRate(experiment.training, step, batches), step + 1);
    control.set([rate, ...lambdas, averageWeight(experiment.training.emaDecay, step + 1)]);
    program.write(STORAGE.control, control);
    await program.run('train');
    // Lets signals and timers in: an engine on this very thread would otherwise keep them out for the whole epoch.
    await setImmediate();
    const now = performance.now();
    if (now - started >= 60_000 * experiment.checkpointMinutes) return { done: batch + 1 };
    if (now - reported < METRICS_INTERVAL_MS) continue;
    reported = now;
    const metrics = await readMetrics(run, state);
    const elapsedMs = performance.now() - started;
    events?.onStep?.({
      epoch: state.epoch + 1,
      batch: batch + 1,
      batches,
      metrics,
      imagesPerSecond: ((batch + 1 - state.batch) * training.options.batchSize * 1000) / elapsedMs,
      waiting: (session.waitMs - waitBefore) / elapsedMs,
    });
  }
  return { done: batches };
}

/** Keeps what is trained although images cannot be had, where the engine still answers; the fault says so then. */
async function keptFault({ session, folder }: TrainingRun, state: CheckpointState, fault: Error): Promise<Error> {
  try {
    await writeCheckpoint(folder.checkpoint, session.training, session.program, state);
  } catch {
    return fault;
  }
  const message = `${fault.message}; the run is kept up to here, --resume goes on with it`;
  return fault instanceof InputError ? new InputError(message) : new Error(message);
}

/** Means over the epoch so far; waits for the steps under way. */
async function readMetrics(run: TrainingRun, state: CheckpointState): Promise<TrainingMetrics> {
  const { program, training } = run.session;
  const sums = await program.read(STORAGE.metrics);
  const at = (position: number) => sums[position]!;
  if (at(METRICS.badStep) > 0) {
    const layer = training.variables.layers[at(METRICS.badLayer)]?.name ?? 'the loss';
    const step = at(METRICS.badStep);
    throw new TrainingFault(
      `${run.experiment.name}: not a finite number in step ${step} of epoch ${state.epoch + 1}, first in ${layer}; ` +
        `the last checkpoint is kept; lower initial_learning_rate and start anew`,
    );
  }
  const steps = Math.max(1, at(METRICS.steps));
  return {
    error: at(METRICS.wrong) / (steps * training.options.batchSize),
    loss1: at(METRICS.loss1) / steps,
    loss2: at(METRICS.loss2) / steps,
    loss3: at(METRICS.loss3) / steps,
  };
}

async function evaluateAll({ session, experiment }: TrainingRun): Promise<Evaluations> {
  const evaluation = await session.evaluate();
  // Nothing but the report knows the test images: they choose no parameters and change no state.
  const test = experiment.training.select === 'validation' ? await session.evaluate(1) : null;
  return { evaluation, test };
}

type Evaluations = Pick<EpochReport, 'evaluation' | 'test'>;

/** Writes rows, parameters and, last of all, the checkpoint that makes the epoch count. */
async function finishEpoch(
  run: TrainingRun,
  finished: CheckpointState,
  { training, evaluation, test, waiting }: Evaluations & Pick<EpochReport, 'training' | 'waiting'>,
): Promise<CheckpointState> {
  const { session, folder, experiment } = run;
  const { program } = session;
  const testError = test?.error ?? null;
  const table = await program.read(STORAGE.quantizers);
  const quantizers = quantizerReport(session.training.variables, table, finished.epoch);
  const isInside = obeysBudget(experiment.budget, quantizers.sizes);
  const isBest = isInside && evaluation.error < (finished.best?.error ?? Number.POSITIVE_INFINITY);
  const state: CheckpointState = {
    ...finished,
    best: isBest ? { error: evaluation.error, epoch: finished.epoch, testError } : finished.best,
    lastError: evaluation.error,
    lastTestError: testError,
  };
  const { lambda2, lambda3 } = experiment.budget;
  const loss = training.loss1 + lambda2 * training.loss2 + lambda3 * training.loss3;
  appendEpoch(folder, {
    results: {
      iter: finished.epoch,
      train_err: training.error,
      val_err: evaluation.error,
      loss,
      loss1: training.loss1,
      loss2: training.loss2,
      loss3: training.loss3,
      ...(test && { test_err: test.error }),
    },
    trainLoss: loss,
    testLoss: evaluation.loss,
    trainAccuracy: 1 - training.error,
    testAccuracy: 1 - evaluation.error,
    quantizers: quantizers.rows,
    sizes: quantizers.sizes,
  });
  if (isBest) await writeParameters(folder.paramsBest, session.training, program);
  await writeParameters(folder.paramsLast, session.training, program);
  await writeCheckpoint(folder.checkpoint, session.training, program, state);
  const imagesPerSecond = state.imagesTrained / state.trainingSeconds;
  run.events?.onEpoch?.({
    epoch: finished.epoch,
    training,
    loss,
    evaluation,
    test,
    quantizers,
    obeysBudget: isInside,
    isBest,
    imagesPerSecond,
    waiting,
  });
  return state;
}

/** Sizes and bits are those of the best parameters, or of the last where no epoch obeyed the budget. */
function summarize(run: TrainingRun, state: CheckpointState, seconds: number): RunSummary {
  const { folder, session, experiment } = run;
  const described = state.best?.epoch ?? state.epoch;
  const allSizes = readSizes(folder);
  const sizes = allSizes.find(({ epoch }) => epoch === described);
  if (!sizes) throw new Error(`${folder.sizes} has no epoch ${described}`);
  const quantizers = readQuantizers(folder).filter(({ epoch }) => epoch === described);
  const { variables } = session.training;
  const float = [...variables.unquantizedTensors('weight'), ...variables.unquantizedTensors('activation')];
  const byTest = experiment.training.select === 'test';
  return {
    best_val_err: state.best?.error ?? null,
    best_epoch: state.best?.epoch ?? null,
    last_val_err: state.lastError,
    best_test_err: (byTest ? state.best?.error : state.best?.testError) ?? null,
    last_test_err: byTest ? state.lastError : state.lastTestError,
    weights_kb: sizes.weights_kb,
    activations_max_kb: sizes.activations_max_kb,
    activations_sum_kb: sizes.activations_sum_kb,
    activations_peak_kb: sizes.activations_peak_kb,
    bits: Object.fromEntries([
      ...float.map(([name]) => [name, floatBits] as const),
      ...quantizers.map(({ tensor, bits }) => [tensor, bits] as const),
    ]),
    images_per_second: state.imagesTrained / Math.max(state.trainingSeconds, 1e-9),
    seconds,
    epochs: state.epoch,
    budget_held_epochs: allSizes.filter((row) => obeysBudget(experiment.budget, row)).length,
    device: run.device,
    select: experiment.training.select,
  };
}
