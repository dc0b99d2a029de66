/**
 * The steps of an epoch, with reports of their metrics a few times a second. Between them the host does other work: it
 * records the previous epoch and draws the next one.
 */

import { targetLength } from '../data/imageSet.js';
import { yieldToEventLoop } from '../eventLoop.js';
import { STORAGE } from '../nn/index.js';
import { CONTROL_LENGTH, METRICS, METRICS_LENGTH } from '../ops/attributes.js';
import { quantizerSnapshot } from '../program/quantizerSnapshot.js';
import { isTrueOfAny } from '../program/ranks.js';
import { penaltyWeights } from './budgetKeeper.js';
import type { CheckpointState } from './checkpointState.js';
import type { Conclusion } from './epochEnd.js';
import type { StepReport, TrainingMetrics } from './recorder.js';
import { averageWeight, dampingWeight, learningRate, stepSize } from './schedule.js';
import type { TrainingRun } from './train.js';

/**
 * The end of a diverged run; the message names the first layer with non-finite numbers and its step, the first quantizer and
 * a step by which it had them, or, after an epoch, the first tensor of its parameters or the inputs whose error is none.
 */
export class TrainingFault extends Error {
  override readonly name = 'TrainingFault';
}

const METRICS_INTERVAL_MS = 250;

/**
 * Steps between two pieces of other work, each of which takes the host some milliseconds, up to ten. With a small network
 * it is busy two thirds of the time, and in these steps the GPU gets its queue back.
 */
const STEPS_BETWEEN = 32;

/** Most pieces of other work in an epoch. */
const PIECES = 8;

/** Number of steps before each piece of other work; 0 if the host itself computes them. */
export function stepsBetween({ session }: TrainingRun, batches: number): number {
  return session.program.transfers ? Math.min(STEPS_BETWEEN, Math.floor(batches / PIECES)) : 0;
}

/**
 * Tells after which steps of an epoch the host does a piece of other work. Networks that compute together take turns:
 * each step waits for all of them.
 */
function piecesAfter({ session }: TrainingRun, between: number): (steps: number) => boolean {
  if (between === 0) return () => false;
  const { place, networks } = session.program.among ?? { place: 0, networks: 1 };
  const turn = Math.floor((place * between) / networks);
  return (steps) => steps >= between && steps % between === turn;
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
export async function isStopping({ session, signal }: TrainingRun): Promise<boolean> {
  return isTrueOfAny(session.ranks, signal?.aborted ?? false);
}

/**
 * Trains batches until the end of the epoch, the signal, the time for a checkpoint, or an image that cannot be decoded.
 * Nothing is reported, and no checkpoint due, before the previous epoch is recorded.
 */
export async function trainBatches(
  run: TrainingRun,
  state: CheckpointState,
  batches: number,
  { conclusion, prepare }: Meanwhile,
): Promise<Progress> {
  const { experiment, session } = run;
  const writeControl = controlWriter(run, state, batches);
  const report = await stepReports(run, state, batches);
  const { countOscillations: looks } = experiment.training;
  const oscillations = looks > 0 ? (await import('./oscillations.js')).countOscillations(session) : null;
  const isPieceDue = piecesAfter(run, stepsBetween(run, batches));
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
    if (isPieceDue(own) && (await conclusion.advance())) prepare();
    isStopped = await isStopping(run);
    if (isStopped) break;
    rate = writeControl(own);
    fault = await session.step(done);
    if (fault) break;
    done++;
    if (batches - done < looks) await oscillations?.look();
    // Lets signals and timers run, which an engine on this thread would block for the whole epoch.
    await yieldToEventLoop();
    const now = performance.now();
    // Concluding depends on steps, not on time, since ranks make the same calls in the same order.
    if (!conclusion.isRecorded) continue;
    if (now - started >= 60_000 * experiment.checkpointMinutes) break;
    if (now - reported < METRICS_INTERVAL_MS || done === batches) continue;
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

/**
 * A function that writes the rates and weights of the next step, the given number behind the state's, and returns the
 * learning rate.
 */
function controlWriter(
  { experiment, session: { program, training } }: TrainingRun,
  state: CheckpointState,
  batches: number,
): (own: number) => number {
  const lambdas = penaltyWeights(experiment, state.epoch);
  const control = new Float64Array(CONTROL_LENGTH);
  return (own) => {
    const step = state.step + own;
    const rate = learningRate(experiment.training, step, batches);
    const update = stepSize(training.options.solver, rate, step + 1);
    const damping = dampingWeight(experiment.training, step, batches);
    const next = [update, ...lambdas, averageWeight(experiment.training.emaDecay, step + 1), damping, -damping];
    // It is often that of the step before, and a write costs a host a twentieth of the time that it has for a small step.
    if (own === 0 || next.some((value, index) => value !== control[index])) {
      control.set(next);
      program.write(STORAGE.control, control);
    }
    return rate;
  };
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
    // Behind a ReLU the loss may still be a number.
    const bad = training.variables.quantizers[quantizers.ranges.findIndex((value) => !Number.isFinite(value)) >> 1];
    if (bad) throw noNumber(run, `by step ${done} of epoch ${state.epoch + 1}`, bad.name);
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

/** Sums over the steps of the epoch so far, by `METRICS`; waits for the queued steps. */
type Sums = ArrayLike<number>;

async function readSums(run: TrainingRun, state: CheckpointState): Promise<Sums> {
  const { program, training } = run.session;
  const sums = await program.read(STORAGE.metrics);
  const step = sums[METRICS.badStep]!;
  if (step === 0) return sums;
  const layer = training.variables.layers[sums[METRICS.badLayer]!];
  throw noNumber(run, `in step ${step} of epoch ${state.epoch + 1}`, layer?.name ?? 'the loss');
}

/**
 * The end of a run whose numbers are not finite, first in `place`. `when`: `in` the step that made them, `by` the one after
 * which they were found, or where else they are.
 */
export function noNumber({ experiment }: TrainingRun, when: string, place: string): TrainingFault {
  return new TrainingFault(
    `${experiment.name}: not a finite number ${when}, first in ${place}; ` +
      'the last checkpoint is kept; lower initial_learning_rate and start anew',
  );
}

/** Means over the steps after those of `before`. */
export function meansOf({ session }: TrainingRun, sums: Sums, before?: Sums): TrainingMetrics {
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
