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
import { targetLength } from '../data/imageSet.js';
import { type Images, sizesOf } from '../data/imageStream.js';
import { createRandom, type RandomState, randomStreams } from '../data/random.js';
import { InputError } from '../errors.js';
import { yieldToEventLoop } from '../eventLoop.js';
import { STORAGE } from '../nn/index.js';
import { CONTROL_LENGTH, METRICS, METRICS_LENGTH } from '../ops/attributes.js';
import { quantizerSnapshot } from '../program/quantizerSnapshot.js';
import { isTrueOfAny } from '../program/ranks.js';
import type { Session } from '../program/session.js';
import type { Experiment } from '../settings/index.js';
import { areBitsFrozen, beginBudget, keepBudget } from './budgetKeeper.js';
import { checkpointFile, parametersMetadata } from './checkpoint.js';
import type { CheckpointState } from './checkpointState.js';
import { type Conclusion, endEpoch, nothingToConclude, type QueuedEvaluations } from './epochEnd.js';
import type { Recorder, StepReport, TrainingEvents, TrainingMetrics } from './recorder.js';
import { averageWeight, dampingWeight, learningRate, stepSize } from './schedule.js';
import { settleChannels } from './settleChannels.js';
import { type RunSummary, summarize } from './summary.js';

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

/** The end of a diverged run; the message names the step and the first layer with non-finite numbers. */
export class TrainingFault extends Error {
  override readonly name = 'TrainingFault';
}

const METRICS_INTERVAL_MS = 250;

/**
 * Steps between two pieces of other work, which takes the host some milliseconds. In these it is busy four fifths of the
 * time with a small network, and lets the GPU have its queue of steps back.
 */
const STEPS_BETWEEN = 16;

/** Most pieces of other work in an epoch. */
const PIECES = 8;

export function initialState(experiment: Experiment): CheckpointState {
  return {
    epoch: 0,
    batch: 0,
    step: 0,
    random: createRandom(experiment.training.seed, randomStreams.batches).getState(),
    best: null,
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
 * @throws TrainingFault if the loss is no longer finite; the last checkpoint stays.
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
  const secondsBefore = state.trainingSeconds;
  while (state.epoch < epochs) {
    const { table, after } = drawn(state.random);
    session.setBatches(table, state.batch);
    if (state.batch === 0) session.program.write(STORAGE.metrics, new Float64Array(METRICS_LENGTH));
    const before = performance.now();
    const waitBefore = session.waitMs;
    const prepare = () => void (state.epoch + 1 < epochs && drawn(after));
    const { done, sums, fault, isStopped, oscillating } = await runBatches(run, state, table.batches, {
      conclusion,
      prepare,
    }).catch(async (error) => {
      // The previous epoch is recorded, if it was copied before the engine failed.
      await conclusion.finish().catch(() => {});
      throw error;
    });
    const metrics = meansOf(run, sums);
    const elapsedMs = performance.now() - before;
    state = {
      ...state,
      ...(await conclusion.finish()),
      step: state.step + done - state.batch,
      imagesTrained: state.imagesTrained + (done - state.batch) * batchSize,
      trainingSeconds: state.trainingSeconds + elapsedMs / 1000,
      batch: done,
    };
    if (done < table.batches) {
      if (fault) throw await keptFault(run, state, fault);
      recorder.checkpoint(await checkpointFile(session.training, session.program, state));
      if (isStopped) return null;
      continue;
    }
    const waiting = (session.waitMs - waitBefore) / elapsedMs;
    if (state.fittedEpochs <= state.epoch) {
      await keepBudget(experiment, session, state.epoch + 1, table).catch(async (error: Error) => {
        throw await keptFault(run, state, error);
      });
    }
    await settleChannels(session);
    state = { ...state, fittedEpochs: state.epoch + 1 };
    const { momentsMs, ...evaluations } = await queueEvaluations(run, table).catch(async (error: Error) => {
      throw await keptFault(run, state, error);
    });
    const trainingSeconds = state.trainingSeconds + momentsMs / 1000;
    state = { ...state, trainingSeconds, epoch: state.epoch + 1, batch: 0, random: after };
    conclusion = endEpoch(run, state, { training: metrics, waiting, oscillating, ...evaluations, metadata });
    if (stepsBetween(run, table.batches) === 0) await conclusion.finish();
    if (state.epoch < epochs && (await isStopping(run))) {
      await conclusion.finish();
      return null;
    }
  }
  state = { ...state, ...(await conclusion.finish()) };
  const seconds = secondsBefore + (performance.now() - started) / 1000;
  const summary = summarize(experiment, session.training.variables, recorder, state, { seconds, device: run.device });
  recorder.finish(summary);
  return summary;
}

/** Number of steps before each piece of other work; 0 if the host itself computes them. */
function stepsBetween({ session }: TrainingRun, batches: number): number {
  return session.program.transfers ? Math.min(STEPS_BETWEEN, Math.floor(batches / PIECES)) : 0;
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

/** The host's work while steps of an epoch are running. */
interface Meanwhile {
  /** The end of the previous epoch. */
  readonly conclusion: Conclusion;
  /** Draws the next epoch. */
  readonly prepare: () => void;
}

interface Progress {
  /** Trained batches of the epoch. */
  readonly done: number;
  /** Sums over these batches. */
  readonly sums: Sums;
  /** The fraction of weights that oscillated in the last steps, if it is counted and enough steps were observed. */
  readonly oscillating: number | null;
  /** The error of an image of the next batch. */
  readonly fault: Error | null;
  /** True if the signal has come. */
  readonly isStopped: boolean;
}

/** Tells whether the signal came to this process, or to another rank: all stop at the same step. */
async function isStopping({ session, signal }: TrainingRun): Promise<boolean> {
  return isTrueOfAny(session.ranks, signal?.aborted ?? false);
}

/**
 * Trains batches until the end of the epoch, the signal, the time for a checkpoint, or an image that cannot be decoded.
 * Nothing is reported before the previous epoch is recorded.
 */
async function runBatches(
  run: TrainingRun,
  state: CheckpointState,
  batches: number,
  { conclusion, prepare }: Meanwhile,
): Promise<Progress> {
  const { experiment, session } = run;
  const { program, training } = session;
  const lambdas = areBitsFrozen(experiment, state.epoch)
    ? [0, 0]
    : [experiment.budget.lambda2, experiment.budget.lambda3];
  const control = new Float64Array(CONTROL_LENGTH);
  const report = await stepReports(run, state, batches);
  const { countOscillations: looks } = experiment.training;
  const oscillations = looks > 0 ? (await import('./oscillations.js')).countOscillations(session) : null;
  const between = stepsBetween(run, batches);
  const started = performance.now();
  let reported = started;
  let done = state.batch;
  let fault: Error | null = null;
  let isStopped = false;
  let rate = 0;
  // Steps go on while numbers for a report are on their way.
  let reporting = Promise.resolve();
  let failure: Error | null = null;
  while (done < batches) {
    if (failure) throw failure;
    const own = done - state.batch;
    if (between > 0 && own > 0 && own % between === 0 && (await conclusion.advance())) prepare();
    isStopped = await isStopping(run);
    if (isStopped) break;
    const step = state.step + own;
    rate = learningRate(experiment.training, step, batches);
    const update = stepSize(training.options.solver, rate, step + 1);
    const damping = dampingWeight(experiment.training, step, batches);
    const next = [update, ...lambdas, averageWeight(experiment.training.emaDecay, step + 1), damping, -damping];
    // It is often that of the step before, and a write costs a host a twentieth of the time that it has for a small step.
    if (own === 0 || next.some((value, index) => value !== control[index])) {
      control.set(next);
      program.write(STORAGE.control, control);
    }
    fault = await session.step(done);
    if (fault) break;
    done++;
    if (batches - done < looks) await oscillations?.look();
    // Lets signals and timers run, which an engine on this thread would block for the whole epoch.
    await yieldToEventLoop();
    const now = performance.now();
    if (now - started >= 60_000 * experiment.checkpointMinutes) break;
    // Concluding depends on steps, not on time, since ranks make the same calls in the same order.
    if (now - reported < METRICS_INTERVAL_MS || done - state.batch <= between || done === batches) continue;
    reported = now;
    await reporting;
    reporting = report(done, rate).then(
      () => {},
      (error) => {
        failure = error;
      },
    );
  }
  await reporting;
  if (failure) throw failure;
  await conclusion.finish();
  return { done, sums: await report(done, rate), fault, isStopped, oscillating: oscillations?.share() ?? null };
}

/** A function that reports the batches since its last call, if there are any, and resolves to the epoch's sums. */
async function stepReports(
  run: TrainingRun,
  state: CheckpointState,
  batches: number,
): Promise<(done: number, rate: number) => Promise<Sums>> {
  const { experiment, session, recorder, events } = run;
  const { program, training } = session;
  const started = performance.now();
  const waitBefore = session.waitMs;
  let doneBefore = state.batch;
  let sumsBefore = state.batch === 0 ? new Float64Array(METRICS_LENGTH) : await readSums(run, state);
  return async (done, rate) => {
    if (done === doneBefore) return readSums(run, state);
    const [sums, quantizers] = await Promise.all([
      readSums(run, state),
      quantizerSnapshot(program, training.variables),
    ]);
    const elapsedMs = performance.now() - started;
    const own = done - state.batch;
    const report: StepReport = {
      step: state.step + own,
      seconds: state.trainingSeconds + elapsedMs / 1000,
      epoch: state.epoch + 1,
      batch: done,
      batches,
      metrics: meansOf(run, sums),
      recent: meansOf(run, sums, sumsBefore),
      rate,
      quantizers,
      imagesPerSecond: (own * experiment.training.batchSize * 1000) / elapsedMs,
      waiting: (session.waitMs - waitBefore) / elapsedMs,
    };
    recorder.step(report);
    events?.onStep?.(report);
    doneBefore = done;
    sumsBefore = sums;
    return sums;
  };
}

/**
 * Writes a checkpoint after an image could not be decoded, if the engine still answers. Returns the error, which then
 * mentions it.
 */
async function keptFault({ session, recorder }: TrainingRun, state: CheckpointState, fault: Error): Promise<Error> {
  try {
    recorder.checkpoint(await checkpointFile(session.training, session.program, state));
  } catch {
    return fault;
  }
  const kept = `${fault.message}; the run is kept up to here`;
  if (!(fault instanceof InputError)) return new Error(`${kept}, --resume goes on with it`);
  return new InputError(
    `${kept}: --resume goes on with a copy of as many bytes; another makes other data, so start anew ` +
      '(--weights params_last.safetensors keeps what is trained)',
  );
}

/** Sums over the steps of the epoch so far, by `METRICS`; waits for the queued steps. */
type Sums = ArrayLike<number>;

async function readSums({ session, experiment }: TrainingRun, state: CheckpointState): Promise<Sums> {
  const sums = await session.program.read(STORAGE.metrics);
  const step = sums[METRICS.badStep]!;
  if (step > 0) {
    const layer = session.training.variables.layers[sums[METRICS.badLayer]!]?.name ?? 'the loss';
    throw new TrainingFault(
      `${experiment.name}: not a finite number in step ${step} of epoch ${state.epoch + 1}, first in ${layer}; ` +
        `the last checkpoint is kept; lower initial_learning_rate and start anew`,
    );
  }
  return sums;
}

/** Means over the steps after those of `before`. */
function meansOf({ session }: TrainingRun, sums: Sums, before?: Sums): TrainingMetrics {
  const since = (position: number) => sums[position]! - (before?.[position] ?? 0);
  const steps = Math.max(1, since(METRICS.steps));
  const { batchSize, task, targetShape = [] } = session.training.options;
  const answers = task?.loss === 'pixels' ? targetLength({ shape: targetShape }) : 1;
  return {
    // `batchSize` is that of a shard: wrong predictions are a mean over the shards, as the loss is.
    error: since(METRICS.wrong) / (steps * batchSize * answers),
    loss1: since(METRICS.loss1) / steps,
    loss2: since(METRICS.loss2) / steps,
    loss3: since(METRICS.loss3) / steps,
  };
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
