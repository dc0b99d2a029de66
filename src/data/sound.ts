/**
 * Features of a sound: log-mel energies, or their cosine transform (MFCC). All is computed in float64 from a definition
 * that is saved in config.json and in files of parameters, since a device has to compute the same numbers:
 *
 * - frame t has the `window` samples from t·hop, times a periodic Hann window 0.5 − 0.5·cos(2πn/window), padded with
 *   zeros to `fft` samples; its power spectrum is |X[k]|², k = 0 … fft/2;
 * - mel band m is Σ_k |X[k]|²·w_m(k), with w_m a triangle over frequency, 1 at its centre and 0 at the neighbouring
 *   centres. `melBands` + 2 centres lie evenly on the mel scale 2595·log₁₀(1 + f/700) from lowHz to highHz;
 * - its logarithm is ln(energy + 10⁻⁶);
 * - coefficient c is s_c·Σ_m log_m·cos(πc(m + ½)/melBands), s_0 = √(1/melBands), s_c = √(2/melBands) (DCT-II);
 * - a feature v becomes the byte ⌊v/step + ½⌋ + zero, within 0 … 255.
 */

import type { SoundFeatures } from './features.js';

/** The features without the quantization to bytes, which depends on the training set. */
export type SoundAnalysis = Omit<SoundFeatures, 'of' | 'step' | 'zero'>;

/** Settings of the features. `seconds: null`: as long as the longest clip; `highHz: null`: half of the sample rate. */
export interface SoundSettings {
  readonly kind: SoundFeatures['kind'];
  readonly windowMs: number;
  readonly hopMs: number;
  readonly melBands: number;
  readonly coefficients: number;
  readonly seconds: number | null;
  readonly lowHz: number;
  readonly highHz: number | null;
}

/** Keeps the logarithm of silence finite: the power of a tone of amplitude 10⁻³ in one sample. */
const FLOOR = 1e-6;

/** Number of frames of a clip; at least 1 if it is as long as a window. */
export function frameCount({ samples, window, hop }: Pick<SoundAnalysis, 'samples' | 'window' | 'hop'>): number {
  return 1 + Math.floor((samples - window) / hop);
}

/** The smallest power of two that holds a window. */
export function fftSize(window: number): number {
  return 2 ** Math.ceil(Math.log2(window));
}

/**
 * A function from a clip of samples within ±1 to its features [frames, features]. Shorter clips are padded with silence
 * to `samples`, longer ones cut.
 */
export function soundAnalyser(analysis: SoundAnalysis): (clip: Float32Array) => Float64Array {
  const { kind, window, hop, fft, melBands, samples, coefficients: features } = analysis;
  const frames = frameCount(analysis);
  const hann = Float64Array.from({ length: window }, (_, n) => 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / window));
  const bands = melFilters(analysis);
  const cosines = kind === 'mfcc' ? cosineTransform(melBands, features) : null;
  const transform = fourierTransform(fft);
  const [real, imaginary] = [new Float64Array(fft), new Float64Array(fft)];
  const logs = new Float64Array(melBands);
  return (clip) => {
    const result = new Float64Array(frames * features);
    for (let frame = 0; frame < frames; frame++) {
      real.fill(0);
      imaginary.fill(0);
      const start = frame * hop;
      const end = Math.min(window, Math.min(samples, clip.length) - start);
      for (let n = 0; n < end; n++) real[n] = clip[start + n]! * hann[n]!;
      transform(real, imaginary);
      bands.forEach(({ first, weights }, band) => {
        let energy = 0;
        weights.forEach((weight, index) => {
          const k = first + index;
          energy += weight * (real[k]! ** 2 + imaginary[k]! ** 2);
        });
        logs[band] = Math.log(energy + FLOOR);
      });
      const own = result.subarray(frame * features, (frame + 1) * features);
      if (!cosines) own.set(logs);
      else for (let c = 0; c < features; c++) own[c] = dot(cosines[c]!, logs);
    }
    return result;
  };
}

/** The byte of a feature. */
export function featureByte(value: number, { step, zero }: Pick<SoundFeatures, 'step' | 'zero'>): number {
  return Math.max(0, Math.min(255, Math.floor(value / step + 0.5) + zero));
}

/** Step and zero of bytes that cover the range from `low` to `high`. */
export function byteSteps(low: number, high: number): Pick<SoundFeatures, 'step' | 'zero'> {
  const step = high > low ? (high - low) / 255 : 1;
  // Avoids −0, which JSON does not keep.
  return { step, zero: 0 - Math.round(low / step) };
}

/** The first mel band without a frequency of the transform, whose energy would always be 0; null if there is none. */
export function emptyBand(analysis: SoundAnalysis): number | null {
  const found = melFilters(analysis).findIndex(({ weights }) => weights.length === 0);
  return found < 0 ? null : found;
}

interface Band {
  /** The first bin with a weight. */
  readonly first: number;
  readonly weights: Float64Array;
}

function melFilters({ sampleRate, fft, melBands, lowHz, highHz }: SoundAnalysis): Band[] {
  const mel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700);
  const hertz = (mels: number) => 700 * (10 ** (mels / 2595) - 1);
  const [low, high] = [mel(lowHz), mel(highHz)];
  const centres = Array.from({ length: melBands + 2 }, (_, i) => hertz(low + ((high - low) * i) / (melBands + 1)));
  return Array.from({ length: melBands }, (_, band) => {
    const [left, centre, right] = [centres[band]!, centres[band + 1]!, centres[band + 2]!];
    const weights = Array.from({ length: fft / 2 + 1 }, (_, k) => {
      const frequency = (k * sampleRate) / fft;
      return Math.max(0, Math.min((frequency - left) / (centre - left), (right - frequency) / (right - centre)));
    });
    const first = Math.max(
      0,
      weights.findIndex((weight) => weight > 0),
    );
    return {
      first,
      weights: Float64Array.from(weights.slice(first, weights.findLastIndex((weight) => weight > 0) + 1)),
    };
  });
}

function cosineTransform(bands: number, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, c) => {
    const scale = Math.sqrt((c === 0 ? 1 : 2) / bands);
    return Float64Array.from({ length: bands }, (_, m) => scale * Math.cos((Math.PI * c * (m + 0.5)) / bands));
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0);
}

/** A discrete Fourier transform of `size` complex numbers, a power of two, in place (Cooley and Tukey 1965). */
function fourierTransform(size: number): (real: Float64Array, imaginary: Float64Array) => void {
  const turns = Array.from({ length: size / 2 }, (_, k) => (-2 * Math.PI * k) / size);
  const [cosines, sines] = [Float64Array.from(turns, Math.cos), Float64Array.from(turns, Math.sin)];
  const bits = Math.log2(size);
  const reversed = Uint32Array.from({ length: size }, (_, index) => {
    let result = 0;
    for (let bit = 0; bit < bits; bit++) result |= ((index >> bit) & 1) << (bits - 1 - bit);
    return result;
  });
  const swap = (values: Float64Array, a: number, b: number) => {
    [values[a], values[b]] = [values[b]!, values[a]!];
  };
  return (real, imaginary) => {
    reversed.forEach((other, index) => {
      if (other <= index) return;
      swap(real, index, other);
      swap(imaginary, index, other);
    });
    for (let half = 1; half < size; half *= 2) {
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const turn = (k * size) / (2 * half);
          const c = cosines[turn]!;
          const s = sines[turn]!;
          const a = start + k;
          const b = a + half;
          const re = real[b]! * c - imaginary[b]! * s;
          const im = real[b]! * s + imaginary[b]! * c;
          real[b] = real[a]! - re;
          imaginary[b] = imaginary[a]! - im;
          real[a]! += re;
          imaginary[a]! += im;
        }
      }
    }
  };
}
