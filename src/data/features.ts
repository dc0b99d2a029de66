/**
 * The meaning of inputs that are not pixels. It is kept with a trained network, whose later inputs need the same
 * features.
 */

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

/** The moments by which numbers are standardised. Constant ones are left as large as they are. */
export function standardising(numbers: ArrayLike<number>, channels: number): Moments {
  const { mean, std } = momentsOf(numbers, channels);
  return { mean, std: std.map((deviation) => deviation || 1) };
}

/** The moments of numbers for each channel; those of one place stand together. */
export function momentsOf(numbers: ArrayLike<number>, channels: number): Moments {
  const count = Math.max(1, numbers.length / channels);
  const meansOf = (term: (value: number, channel: number) => number): number[] => {
    const sums = new Float64Array(channels);
    for (let at = 0; at < numbers.length; at++) sums[at % channels]! += term(numbers[at]!, at % channels);
    return Array.from(sums, (sum) => sum / count);
  };
  const mean = meansOf((value) => value);
  const std = meansOf((value, channel) => (value - mean[channel]!) ** 2).map(Math.sqrt);
  return { mean, std };
}
