/** What the numbers of an input are, where they are no pixels: whoever asks a trained network has to make the same ones. */

import type { ImageSet } from './imageSet.js';

/** Columns of a table, one a channel. */
export interface ColumnFeatures {
  readonly of: 'columns';
  /** In the order of the channels. */
  readonly names: readonly string[];
}

/** Bytes computed of clips of sound, [frames, features] an input; `sound.ts` says how. */
export interface SoundFeatures {
  readonly of: 'sound';
  readonly kind: 'mfcc' | 'log_mel';
  /** Samples a second. */
  readonly sampleRate: number;
  /** Samples of a clip, of a window, and from a window to the next. */
  readonly samples: number;
  readonly window: number;
  readonly hop: number;
  /** Samples that are transformed, a power of two. */
  readonly fft: number;
  readonly melBands: number;
  readonly lowHz: number;
  readonly highHz: number;
  /** Features of a frame; with `log_mel` one a band. */
  readonly coefficients: number;
  /** Byte b stands for the feature (b − zero)·step. */
  readonly step: number;
  readonly zero: number;
}

export type Features = ColumnFeatures | SoundFeatures;

/** Mean and standard deviation of the training inputs, channel by channel. */
export interface Moments {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The moments of a set over all inputs and places. A channel that is the same everywhere has the deviation 1. */
export function momentsOf({ images, channels }: ImageSet<Float32Array>): Moments {
  const all = Array.from({ length: channels }, (_, channel) => channel);
  const count = Math.max(1, images.length / channels);
  const meanOf = (channel: number, term: (value: number) => number) => {
    let sum = 0;
    for (let place = channel; place < images.length; place += channels) sum += term(images[place]!);
    return sum / count;
  };
  const mean = all.map((channel) => meanOf(channel, (value) => value));
  const std = all.map((channel) => Math.sqrt(meanOf(channel, (value) => (value - mean[channel]!) ** 2)) || 1);
  return { mean, std };
}
