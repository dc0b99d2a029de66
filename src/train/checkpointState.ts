/** The position of a run, apart from the engine's values: the part of a checkpoint that is written as JSON. */

import type { RandomState } from '../data/random.js';

export interface CheckpointState {
  /** Finished epochs. */
  readonly epoch: number;
  /** Trained batches of the current epoch. */
  readonly batch: number;
  /** Updates of the optimizer since the run began. */
  readonly step: number;
  /** State of the batches' random generator at the start of the current epoch. */
  readonly random: RandomState;
  /** The smallest error of an epoch that obeys the budget, so far. */
  readonly best: { readonly error: number; readonly epoch: number; readonly testError: number | null } | null;
  /** Seconds in which processes trained and evaluated the run; without an evaluation that had not ended yet. */
  readonly seconds: number;
  /** Those of the steps alone. */
  readonly trainingSeconds: number;
  readonly imagesTrained: number;
  /** Error of the last evaluation. */
  readonly lastError: number;
  /** Error of the last evaluation on the test images, if others select the parameters. */
  readonly lastTestError: number | null;
  /** Epochs after which a guaranteed budget was enforced: one more than finished if the evaluation failed. */
  readonly fittedEpochs: number;
}

/** The state in a parsed JSON value, with defaults for keys younger than its file; `null` for other values. */
export function readState(value: unknown): CheckpointState | null {
  if (!isRecord(value)) return null;
  const { epoch, batch, step, random, best, trainingSeconds, imagesTrained } = value;
  const { seconds = trainingSeconds, lastError, lastTestError = null, fittedEpochs = 0 } = value;
  if (!isCount(epoch) || !isCount(batch) || !isCount(step) || !isCount(imagesTrained) || !isCount(fittedEpochs))
    return null;
  if (!isTime(seconds) || !isTime(trainingSeconds) || !isRandomState(random)) return null;
  if (!isNumber(lastError) || !isNumberOrNull(lastTestError)) return null;
  const bestSoFar = best === null ? null : readBest(best);
  if (bestSoFar === undefined) return null;
  return {
    ...{ epoch, batch, step, random, best: bestSoFar, seconds, trainingSeconds, imagesTrained },
    ...{ lastError, lastTestError, fittedEpochs },
  };
}

function readBest(value: unknown): CheckpointState['best'] | undefined {
  if (!isRecord(value)) return undefined;
  const { error, epoch, testError = null } = value;
  return isNumber(error) && isCount(epoch) && isNumberOrNull(testError) ? { error, epoch, testError } : undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isNumberOrNull(value: unknown): value is number | null {
  return value === null || isNumber(value);
}

function isCount(value: unknown): value is number {
  return isTime(value) && Number.isSafeInteger(value);
}

function isTime(value: unknown): value is number {
  return isNumber(value) && value >= 0;
}

function isRandomState(value: unknown): value is RandomState {
  return Array.isArray(value) && value.length === 4 && value.every((word) => isCount(word) && word < 2 ** 32);
}
