/**
 * The lines of `live.jsonl`, one JSON object each: first the run, then what it reports while it trains and after each
 * epoch. docs/live.md has them in words. Opens no file: the page reads its lines with the same functions.
 */

import { InputError } from '../errors.js';
import type { Sizes } from '../program/quantizerReport.js';
import type { QuantizerCore } from '../quant/index.js';
import type { Task } from '../task.js';

/** Counts changes that older programs cannot read; new keys are none. */
export const LIVE_VERSION = 1;

/** The first line. */
export interface LiveRun {
  readonly type: 'run';
  readonly version: number;
  readonly epochs: number;
  /** The engine, in words. Absent in lines of older versions. */
  readonly device?: string;
  /** The call that goes on with the run if it is interrupted, where there is one of its own. */
  readonly resume?: string;
  /** What the network is trained for; absent where that is classes. */
  readonly task?: Task;
  /** Targets in kB and billions of bit operations, `null` where there is none. */
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
  /** Elements; of an activation, those of one image. `null` where an older version did not keep it. */
  readonly count: number | null;
  /** The names of its learned values, in the order of `gradients`. */
  readonly learned: readonly string[];
}

/** Some batches of training. Losses and errors are means over the batches since the line before. */
export interface LiveStep extends Sizes {
  readonly type: 'step';
  /** Updates since the run began. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  /** Batches done of the epoch. */
  readonly batch: number;
  readonly batches: number;
  /** Seconds of training since the run began, without evaluations. */
  readonly seconds: number;
  /** Fraction of wrong answers, or the mean squared error. */
  readonly error: number;
  /** The task's own loss. */
  readonly loss1: number;
  /** Penalty of the weights' budget, without its factor. */
  readonly loss2: number;
  /** The same of the activations' budget. */
  readonly loss3: number;
  /** Learning rate of the last batch. */
  readonly rate: number;
  readonly images_per_second: number;
  /** Share of the time in which the engine waited for images. */
  readonly waiting: number;
  /** Bits of every tensor; absent where they are those of the line before. */
  readonly bits?: readonly number[];
  /** Two numbers a tensor, not in every line: step d or smallest magnitude xmin, and range xmax. */
  readonly ranges?: readonly number[];
  /** Two numbers a tensor, with `ranges`: gradient sums of the last step to the learned values. */
  readonly gradients?: readonly number[];
  /** The same after weight decay and limiting. */
  readonly limited?: readonly number[];
}

/** A finished epoch. */
export interface LiveEpoch extends Sizes {
  readonly type: 'epoch';
  /** Counted from 1. */
  readonly epoch: number;
  /**
   * Errors, of which less is better: fractions of wrong answers, mean squared errors, 1 − AUC, 1 − mean IoU; `val_err` is
   * of the images that choose the best parameters.
   */
  readonly train_err: number;
  readonly val_err: number;
  /** Only where others than the test images choose. */
  readonly test_err?: number;
  /** The metric itself, by its name, where it is no error. */
  readonly val_auc?: number;
  readonly val_iou?: number;
  readonly loss: number;
  readonly val_loss: number;
  readonly inside_budget: boolean;
  readonly best: boolean;
  /** Share of the quantized weights that went to and fro in the epoch's last steps, where it is counted. */
  readonly oscillating?: number;
  readonly bits: readonly number[];
}

export type LiveLine = LiveRun | LiveStep | LiveEpoch;

/**
 * The object of a line; `null` for one that is damaged or of a type that this program does not know.
 *
 * @param source what messages call the file
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
