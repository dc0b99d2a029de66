/** What the server tells its page beside the lines of `live.jsonl`. Opens no file: the page has the same types. */

import type { MetricName } from '../task.js';

/** A run among others. */
export interface RunOverview {
  /** As short as tells it from the others. */
  readonly name: string;
  readonly state: 'training' | 'finished' | 'stopped';
  /** When its tables were last written. */
  readonly writtenMs: number;
  /** Finished ones. */
  readonly epochs: number;
  readonly metric: MetricName;
  /** The images whose metric is told. */
  readonly evaluatedOn: 'test' | 'validation';
  /** The numbers of the best epoch, or of the last where none is the best (yet); `null` before the end of the first. */
  readonly outcome: {
    readonly epoch: number;
    /** By the metric: less is better. */
    readonly error: number;
    readonly weights_kb: number;
    readonly activations_max_kb: number;
  } | null;
}

/** A run that cannot be read, and why. */
export interface FaultyRun {
  readonly name: string;
  readonly fault: string;
}

/** The values of a tensor beside what its quantizer makes of them. */
export interface TensorView {
  readonly name: string;
  /** Counts of values in equal parts of the interval from `from` to `to`. */
  readonly counts: readonly number[];
  readonly from: number;
  readonly to: number;
  /** In rising order; the two ends alone where there are too many to draw. */
  readonly levels: readonly number[];
  /** How many levels there are, and how many of them some value takes. */
  readonly levelCount: number;
  readonly levelsInUse: number;
  /** Shares of the values that become zero, and that lie beyond the ends. */
  readonly zero: number;
  readonly clipped: number;
  /** True where every channel has a step of its own: values are then those divided by the channel's factor. */
  readonly perChannel: boolean;
}

/** What a page as a file holds of a run in place of a server. */
export interface StoredRun {
  readonly overview: RunOverview;
  /** Lines of `live.jsonl`, compressed by gzip, in base 64. */
  readonly lines: string;
  readonly tensors: readonly TensorView[];
}
