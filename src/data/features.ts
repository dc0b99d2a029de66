/**
 * The meaning of inputs that are not pixels. It is kept with a trained network, whose later inputs need the same
 * features.
 */

import type { ImageSet } from './imageSet.js';

/** Columns of a table, one a channel. */
export interface ColumnFeatures {
  readonly of: 'columns';
  /** Names in the order of the channels. */
  readonly names: readonly string[];
}

/** Features of sounds as bytes, [frames, features] an input; defined in `sound.ts`. */
export interface SoundFeatures {
  readonly of: 'sound';
  readonly kind: 'mfcc' | 'log_mel';
  /** Samples a second. */
  readonly sampleRate: number;
  /** Number of samples of a clip, of a window, and between windows. */
  readonly samples: number;
  readonly window: number;
  readonly hop: number;
  /** Length of the Fourier transform, a power of two. */
  readonly fft: number;
  readonly melBands: number;
  readonly lowHz: number;
  readonly highHz: number;
  /** Features a frame; with `log_mel` one for each band. */
  readonly coefficients: number;
  /** Byte b is the feature (b − zero)·step. */
  readonly step: number;
  readonly zero: number;
}

export type Features = ColumnFeatures | SoundFeatures;

/** Mean and standard deviation of the training inputs for each channel. */
export interface Moments {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** The moments of a set for each channel, over all inputs and places. A constant channel has deviation 1. */
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
