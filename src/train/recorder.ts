/**
 * The recorder, which keeps the results of a run: in a run folder or in memory. The training loop knows no files.
 *
 * The calls at the end of an epoch have a fixed order: its rows, its parameters, and last the checkpoint, with which
 * the epoch counts. Anything recorded after the last checkpoint belongs to an interrupted epoch.
 */

import type { Evaluation } from '../program/evaluate.js';
import type { QuantizerReport, QuantizerRow, SizesRow } from '../program/quantizerReport.js';
import type { QuantizerSnapshot } from '../program/quantizerSnapshot.js';
import type { RunSummary } from './summary.js';

/** Means over steps. The error is that of `trainingMetric`. */
export interface TrainingMetrics {
  readonly error: number;
  /** The task's loss. */
  readonly loss1: number;
  /** Penalty of the weights' budget, without its factor λ. */
  readonly loss2: number;
  /** Penalty of the activations' budget, without its factor λ. */
  readonly loss3: number;
}

/**
 * Progress within an epoch: a few times a second, and at every end of an epoch or stop, so that the reports cover all
 * batches.
 */
export interface StepReport {
  /** Updates of the optimizer since the run began. */
  readonly step: number;
  /** Seconds of training since the run began, without evaluations. */
  readonly seconds: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** Trained batches of the epoch. */
  readonly batch: number;
  readonly batches: number;
  /** Means since the epoch began, which become its row. */
  readonly metrics: TrainingMetrics;
  /** Means since the last report, for curves. */
  readonly recent: TrainingMetrics;
  /** Learning rate of the last batch, by the schedule. */
  readonly rate: number;
  readonly quantizers: QuantizerSnapshot;
  readonly imagesPerSecond: number;
  /** Fraction of the time in which the engine waited for images to be decoded. */
  readonly waiting: number;
}

/** A finished epoch. */
export interface EpochReport {
  /** Counted from 1. */
  readonly epoch: number;
  readonly training: TrainingMetrics;
  /** loss1 and the penalties with their factors. */
  readonly loss: number;
  readonly evaluation: Evaluation;
  /** Evaluation on the test images, if a validation set selects. */
  readonly test: Evaluation | null;
  readonly quantizers: QuantizerReport;
  readonly obeysBudget: boolean;
  /** Its parameters are kept as the best so far, with `select = last` as the last inside the budget. */
  readonly isBest: boolean;
  readonly imagesPerSecond: number;
  /** Fraction of the epoch's training in which the engine waited for images to be decoded. */
  readonly waiting: number;
  /** Fraction of the quantized weights that oscillated in the last steps; `null` if it is not counted. */
  readonly oscillating: number | null;
}

/** Position of a run. */
export interface RunPosition {
  /** Finished epochs. */
  readonly epoch: number;
  /** Updates of the optimizer since the run began. */
  readonly step: number;
}

/** Keeps the results of a run. Errors that it throws end the run. */
export interface Recorder {
  /** Called before the first step: discards what was recorded of later epochs and steps. */
  begin(position: RunPosition): void;
  step(report: StepReport): void;
  epoch(report: EpochReport): void;
  /** Replaces the last or the best parameters by the bytes of a file. */
  parameters(which: 'best' | 'last', file: Uint8Array): void;
  /** Replaces the checkpoint by the bytes of a file. */
  checkpoint(file: Uint8Array): void;
  /** The error to throw for one that ends a run behind its checkpoint: it says how the run goes on. */
  keptFault(fault: Error): Error;
  /** The rows of all epochs so far, in order. */
  sizes(): readonly SizesRow[];
  quantizers(): readonly QuantizerRow[];
  /** Called after the last epoch. */
  finish(summary: RunSummary): void;
}

/** Callbacks of a run, which keep nothing. */
export interface TrainingEvents {
  onStep?(report: StepReport): void;
  onEpoch?(report: EpochReport): void;
}
