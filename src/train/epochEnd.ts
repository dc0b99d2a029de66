/**
 * The end of an epoch: its results are judged and recorded in parts, between which a GPU gets steps of the next epoch.
 */

import type { StorageArray } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import type { Evaluation } from '../program/evaluate.js';
import { quantizerReport } from '../program/quantizerReport.js';
import { disagreement } from '../program/ranks.js';
import { evaluatedOn, replacesChosen } from '../selection.js';
import { obeysBudget } from '../settings/index.js';
import type { NamedTensor } from '../weights/safetensors.js';
import { penaltyWeights } from './budgetKeeper.js';
import { copyCheckpoint, copyParametersFile } from './checkpoint.js';
import type { CheckpointState } from './checkpointState.js';
import type { EpochReport } from './recorder.js';
import type { TrainingRun } from './train.js';
import { noNumber, TrainingFault } from './trainingSteps.js';

/** Evaluations under way; there is none of test images if these select. */
export interface QueuedEvaluations {
  readonly evaluation: Promise<Evaluation>;
  readonly test: Promise<Evaluation> | null;
}

/** The results of an epoch, before its parameters are judged. */
interface EpochResults extends QueuedEvaluations, Pick<EpochReport, 'training' | 'waiting' | 'oscillating'> {
  /** For the files of parameters. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The state that judging an epoch needs and changes. */
type Judgement = Pick<CheckpointState, 'best' | 'lastError' | 'lastTestError'>;

/** Records the end of an epoch. */
export interface Conclusion {
  /** True if the epoch's rows are written. */
  readonly isRecorded: boolean;
  /** Does the next part of the work, which takes some milliseconds. Resolves to true if nothing is left to do. */
  advance(): Promise<boolean>;
  /** Does all parts that are left. */
  finish(): Promise<Partial<Judgement>>;
}

export const nothingToConclude: Conclusion = {
  isRecorded: true,
  advance: async () => true,
  finish: async () => ({}),
};

/** Requests copies of the epoch's results, which the conclusion records. */
export function endEpoch(run: TrainingRun, finished: CheckpointState, results: EpochResults): Conclusion {
  const parts = recordedParts(run, finished, results);
  let judgement: Partial<Judgement> = {};
  let isRecorded = false;
  const advance = async (): Promise<boolean> => {
    const { done, value } = await parts.next();
    if (!done) isRecorded = value;
    else if (value) judgement = value;
    return done ?? false;
  };
  const finish = async (): Promise<Partial<Judgement>> => {
    while (!(await advance()));
    return judgement;
  };
  return {
    get isRecorded() {
      return isRecorded;
    },
    ...{ advance, finish },
  };
}

/**
 * Records rows, parameters and, last of all, the checkpoint with which the epoch counts. Each part ends with a `yield` that
 * tells whether the rows are written.
 */
function recordedParts(
  run: TrainingRun,
  finished: CheckpointState,
  { metadata, ...results }: EpochResults,
): AsyncGenerator<boolean, Judgement> {
  const { session, recorder } = run;
  const { program, training } = session;
  const copied = Promise.all([
    results.evaluation,
    results.test,
    program.read(STORAGE.quantizers),
    copyParametersFile(training, program, metadata),
    copyCheckpoint(training, program),
  ]);
  // Whoever concludes gets the error.
  copied.catch(() => {});
  async function* parts(): AsyncGenerator<boolean, Judgement> {
    const [evaluation, test, table, parametersFile, checkpoint] = await copied;
    const { tensors, bytes: parameters } = parametersFile();
    const difference = await disagreement(session.ranks, { parameters });
    if (difference) throw new Error(`${difference} after epoch ${finished.epoch}; nothing of it is kept`);
    yield false;
    refuseNoNumber(run, finished, tensors, { evaluation, test });
    const { report, judgement } = judge(run, finished, { ...results, evaluation, test }, table);
    recorder.epoch(report);
    yield true;
    if (report.isBest) {
      recorder.parameters('best', parameters);
      yield true;
    }
    recorder.parameters('last', parameters);
    yield true;
    const bytes = checkpoint({ ...finished, ...judgement });
    yield true;
    recorder.checkpoint(bytes);
    run.events?.onEpoch?.(report);
    yield true;
    return judgement;
  }
  return parts();
}

/**
 * Ends the run where a parameter or an error is no finite number: no program reads the one, and nothing could be chosen by
 * the other. The loss need not show it: exponents of channels, for example, are limited where they are used.
 *
 * @throws TrainingFault
 */
function refuseNoNumber(
  run: TrainingRun,
  { epoch }: CheckpointState,
  tensors: readonly NamedTensor[],
  { evaluation, test }: Pick<EpochReport, 'evaluation' | 'test'>,
): void {
  const { experiment } = run;
  const first = tensors.find(({ data }) => !holdsNumbers(data));
  if (first) throw noNumber(run, `in the parameters after epoch ${epoch}`, first.name);
  const sets = { [evaluatedOn(experiment.training.select)]: evaluation, ...(test && { test }) };
  const bad = Object.entries(sets).find(([, { error }]) => !Number.isFinite(error));
  if (!bad) return;
  throw new TrainingFault(
    `${experiment.name}: the error on the ${bad[0]} inputs is not a finite number after epoch ${epoch}, though the training ` +
      'loss is; the last checkpoint is kept; look among these inputs for values far beyond those of training, or lower ' +
      'initial_learning_rate and start anew',
  );
}

/** Tells whether all values are finite; `every` takes four times as long for the eleven million of ResNet-18. */
function holdsNumbers(data: NamedTensor['data']): boolean {
  for (let index = 0; index < data.length; index++) {
    if (!Number.isFinite(Number(data[index]))) return false;
  }
  return true;
}

/** Judges the parameters of a finished epoch by its evaluation and by the table of its quantizers. */
function judge(
  { session, experiment }: TrainingRun,
  finished: CheckpointState,
  results: Pick<EpochReport, 'training' | 'waiting' | 'oscillating' | 'evaluation' | 'test'>,
  table: StorageArray,
): { readonly report: EpochReport; readonly judgement: Judgement } {
  const { epoch } = finished;
  const { training, evaluation, test } = results;
  const testError = test?.error ?? null;
  const quantizers = quantizerReport(session.training.variables, table, epoch);
  const isInside = obeysBudget(experiment.budget, quantizers.sizes);
  const isBest = isInside && replacesChosen(experiment.training.select, evaluation.error, finished.best?.error);
  const [lambda2, lambda3] = penaltyWeights(experiment, epoch - 1);
  const report: EpochReport = {
    epoch,
    ...results,
    loss: training.loss1 + lambda2 * training.loss2 + lambda3 * training.loss3,
    quantizers,
    obeysBudget: isInside,
    isBest,
    imagesPerSecond: finished.imagesTrained / finished.trainingSeconds,
  };
  const best = isBest ? { error: evaluation.error, epoch, testError } : finished.best;
  return { report, judgement: { best, lastError: evaluation.error, lastTestError: testError } };
}
