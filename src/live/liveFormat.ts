/**
 * The lines of `live.jsonl`, one JSON object each: first the run, then reports during and after each epoch;
 * docs/live.md describes them. Opens no file: the page reads its lines with the same functions.
 */

import { InputError } from '../errors.js';
import type { Sizes } from '../program/quantizerReport.js';
import type { QuantizerCore } from '../quant/index.js';
import type { Task } from '../task.js';

/** Incremented by changes that older programs cannot read, not by new keys. */
export const LIVE_VERSION = 1;

/** The first line. */
export interface LiveRun {
  readonly type: 'run';
  readonly version: number;
  readonly epochs: number;
  /** The engine and its machine, in words. Absent in lines of older versions. */
  readonly device?: string;
  /** The call that resumes an interrupted run, if it differs from the usual one. */
  readonly resume?: string;
  /** Loss and metric; absent for classification. */
  readonly task?: Task;
  /** Where the parameters of the last epoch are kept, whatever their error, so that none is the best. */
  readonly select?: 'last';
  /** Targets in kB and billions of bit operations, `null` for none. */
  readonly budget: {
    readonly weights_kb: number | null;
    readonly activations_kb: number | null;
    readonly activations: 'max' | 'sum' | 'peak';
    /** Absent in lines of older versions. */
    readonly gbops?: number | null;
  };
  /** The quantized tensors, in the order of all lists below. */
  readonly tensors: readonly LiveTensor[];
}

export interface LiveTensor {
  readonly name: string;
  readonly role: 'weight' | 'bias' | 'activation';
  readonly kind: string;
  readonly core: QuantizerCore;
  readonly signed: boolean;
  /** Number of elements; for activations, of one image. `null` in lines of older versions. */
  readonly count: number | null;
  /** Names of the learned values, in the order of `gradients`. */
  readonly learned: readonly string[];
}

/** Some batches of training. Losses and errors are means over the batches since the previous line. */
export interface LiveStep extends Sizes {
  readonly type: 'step';
  /** Updates since the run began. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** Trained batches of the epoch. */
  readonly batch: number;
  readonly batches: number;
  /** Seconds of training since the run began, without evaluations. */
  readonly seconds: number;
  /** Fraction of wrong predictions, or the mean squared error. */
  readonly error: number;
  /** The task's loss. */
  readonly loss1: number;
  /** Penalty of the weights' budget, without its factor λ. */
  readonly loss2: number;
  /** Penalty of the activations' budget, without its factor λ. */
  readonly loss3: number;
  /** Learning rate of the last batch. */
  readonly rate: number;
  readonly images_per_second: number;
  /** Fraction of the time in which the engine waited for images. */
  readonly waiting: number;
  /** Bits of every tensor; absent if they have not changed since the previous line. */
  readonly bits?: readonly number[];
  /** Two numbers a tensor, not in every line: step d or smallest magnitude xmin, and range xmax. */
  readonly ranges?: readonly number[];
  /** Two numbers a tensor, with `ranges`: gradients of the learned values in the last step. */
  readonly gradients?: readonly number[];
  /** The gradients after weight decay and limiting. */
  readonly limited?: readonly number[];
}

/** A finished epoch. */
export interface LiveEpoch extends Sizes {
  readonly type: 'epoch';
  /** Counted from 1. */
  readonly epoch: number;
  /**
   * Errors, of which less is better: fractions of wrong predictions, mean squared errors, 1 − AUC, 1 − mean IoU.
   * `val_err` is that of the held out images with `select = validation`, else of the test images.
   */
  readonly train_err: number;
  readonly val_err: number;
  /** Only with `select = validation`. */
  readonly test_err?: number;
  /** The metric itself under its own name, if it is no error. */
  readonly val_auc?: number;
  readonly val_iou?: number;
  readonly loss: number;
  readonly val_loss: number;
  readonly inside_budget: boolean;
  readonly best: boolean;
  /** Fraction of the quantized weights that oscillated in the epoch's last steps, if it is counted. */
  readonly oscillating?: number;
  readonly bits: readonly number[];
}

export type LiveLine = LiveRun | LiveStep | LiveEpoch;

/**
 * The object of a line; `null` for a damaged one or one of an unknown type.
 *
 * @param source the file's name in messages
 * @throws InputError for the first line of a file that only a younger program can read
 * @example
 * ```ts
 * readLiveLine('{"type":"epoch","epoch":1,"val_err":0.1}', 'live.jsonl'); // { type: 'epoch', epoch: 1, … }
 * ```
 */
export function readLiveLine(text: string, source: string): LiveLine | null {
  let line: Partial<LiveLine>;
  try {
    line = JSON.parse(text);
  } catch {
    return null;
  }
  switch (line?.type) {
    case 'run':
      if (line.version! > LIVE_VERSION) {
        throw new InputError(
          `${source}: has version ${line.version}, this program reads up to version ${LIVE_VERSION}; take a younger one`,
        );
      }
      return Array.isArray(line.tensors) ? (line as LiveRun) : null;
    case 'step':
      return Number.isFinite(line.step) && Number.isFinite(line.epoch) ? (line as LiveStep) : null;
    case 'epoch':
      return Number.isFinite(line.epoch) ? (line as LiveEpoch) : null;
    default:
      return null;
  }
}
