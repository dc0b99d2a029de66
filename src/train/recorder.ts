/**
 * The recorder, which takes what a run leaves behind: a run folder is one, memory another. The loop knows no files.
 *
 * The order of an epoch's calls is a promise: its rows, its parameters, and last of all the checkpoint that makes it
 * count. What a recorder holds beyond its last checkpoint belongs to an interrupted epoch.
 */

import type { Evaluation } from '../program/evaluate.js';
import type { QuantizerReport, QuantizerRow, SizesRow } from '../program/quantizerReport.js';
import type { QuantizerSnapshot } from '../program/quantizerSnapshot.js';
import type { RunSummary } from './summary.js';

/** Means over steps; the error is what is counted while training (`trainingMetric` of the task). */
export interface TrainingMetrics {
  readonly error: number;
  /** The task's own loss. */
  readonly loss1: number;
  /** Penalty of the weights' budget, without its factor. */
  readonly loss2: number;
  /** The same of the activations' budget. */
  readonly loss3: number;
}

/**
 * A run within an epoch, some batches after the report before: a few times a second, and at every end of an epoch or
 * stop, so that the reports cover all batches.
 */
export interface StepReport {
  /** Updates of the optimizer since the run began. */
  readonly step: number;
  /** Seconds of training since the run began, without evaluations. */
  readonly seconds: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** Batches done of the epoch. */
  readonly batch: number;
  readonly batches: number;
  /** Since the epoch began: what will stand in its row. */
  readonly metrics: TrainingMetrics;
  /** Since the last report: for curves that go on from epoch to epoch. */
  readonly recent: TrainingMetrics;
  /** The learning rate of the last batch, as scheduled. */
  readonly rate: number;
  readonly quantizers: QuantizerSnapshot;
  readonly imagesPerSecond: number;
  /** Share of the time in which the engine waited for images to be decoded. */
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
  /** Evaluation of the test images, where the other is of a validation split. */
  readonly test: Evaluation | null;
  readonly quantizers: QuantizerReport;
  readonly obeysBudget: boolean;
  readonly isBest: boolean;
  readonly imagesPerSecond: number;
  /** Share of the epoch's training in which the engine waited for images to be decoded. */
  readonly waiting: number;
  /** Share of the quantized weights that went to and fro in the last steps; `null` where it is not counted. */
  readonly oscillating: number | null;
}

/** Where a run stands. */
export interface RunPosition {
  /** Finished epochs. */
  readonly epoch: number;
  /** Updates of the optimizer since the run began. */
  readonly step: number;
}

/** Keeps what a run produces. Whatever it throws ends the run. */
export interface Recorder {
  /** Before the first step: the run goes on from here, what is recorded of later epochs and steps goes. */
  begin(position: RunPosition): void;
  step(report: StepReport): void;
  epoch(report: EpochReport): void;
  /** Replaces the last parameters, or the best ones, by the bytes of a file. */
  parameters(which: 'best' | 'last', file: Uint8Array): void;
  /** Replaces the checkpoint by the bytes of a file. */
  checkpoint(file: Uint8Array): void;
  /** The rows of all epochs so far, in order. */
  sizes(): readonly SizesRow[];
  quantizers(): readonly QuantizerRow[];
  /** After the last epoch. */
  finish(summary: RunSummary): void;
}

/** Watches a run, and keeps nothing. */
export interface TrainingEvents {
  onStep?(report: StepReport): void;
  onEpoch?(report: EpochReport): void;
}
