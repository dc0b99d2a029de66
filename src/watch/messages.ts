/**
 * Messages from the server to its page, besides the lines of `live.jsonl`. Opens no file: the page has the same types.
 */

import type { EvaluatedOn } from '../selection.js';
import type { MetricName } from '../task.js';

/** A run in the overview. */
export interface RunOverview {
  /** The shortest name that tells it from the others. */
  readonly name: string;
  readonly state: 'training' | 'finished' | 'stopped';
  /** Time at which its tables were last written. */
  readonly writtenMs: number;
  /** Number of finished epochs. */
  readonly epochs: number;
  readonly metric: MetricName;
  /** The images on which the metric was measured. */
  readonly evaluatedOn: EvaluatedOn;
  /** Results of the chosen epoch, or of the last if none is chosen (yet); `null` before the end of the first. */
  readonly outcome: {
    readonly epoch: number;
    /** The metric as an error: less is better. */
    readonly error: number;
    readonly weights_kb: number;
    readonly activations_max_kb: number;
  } | null;
}

/** A run that cannot be read, and the reason. */
export interface FaultyRun {
  readonly name: string;
  readonly fault: string;
}

/** The values of a tensor and of its quantizer. */
export interface TensorView {
  readonly name: string;
  /** Histogram of the values, with equal bins from `from` to `to`. */
  readonly counts: readonly number[];
  readonly from: number;
  readonly to: number;
  /** In rising order; only both ends if there are too many to draw. */
  readonly levels: readonly number[];
  /** Number of levels, and number of those that occur. */
  readonly levelCount: number;
  readonly levelsInUse: number;
  /** Fractions of the values that become zero, and that are clipped. */
  readonly zero: number;
  readonly clipped: number;
  /** True if every channel has its own step: values are then divided by the channel's factor. */
  readonly perChannel: boolean;
}

/** A run stored in a static page. */
export interface StoredRun {
  readonly overview: RunOverview;
  /** Lines of `live.jsonl`, compressed by gzip, in base 64. */
  readonly lines: string;
  readonly tensors: readonly TensorView[];
}
