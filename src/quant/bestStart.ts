/**
 * Start of a quantizer fitted to known values: weights, or measured activations. This is not part of the published
 * method.
 */
import { exponentLimits } from './channelExponents.js';
import type { StartValues } from './kinds/kind.js';
import type { Quantizer } from './quantizer.js';
import { clamp, exponentOf, powerOfTwo } from './rounding.js';
import { octavesTried, squaredError } from './squaredError.js';
import { publishedStepSize, startWithStep, stepFor } from './startValues.js';

/**
 * The start with the step, a power of two, whose quantized values have a small squared error: for activations the step
 * with the smallest error, for weights the published one or a finer one that is clearly better, as there is with few
 * bits. The step is 1/8 if all values are 0 or one is not finite.
 *
 * @throws {RangeError} for less than 2 bits with a sign, or less than 1 without
 */
export function bestStart(q: Quantizer, values: ArrayLike<number>): StartValues {
  return startWithStep(q, powerOfTwo(bestExponent(q, values)));
}

/**
 * The initial exponents for the channels of a weight (see `channelExponents.ts`), its last axis, for a tensor that
 * starts as by `bestStart`: with them each channel has its own best step. A channel of zeros has the step of the
 * tensor.
 */
export function bestExponents(q: Quantizer, weights: ArrayLike<number>, channels: number): Float64Array {
  const whole = bestExponent(q, weights);
  return Float64Array.from({ length: channels }, (_, channel) => {
    const own = new Float64Array(weights.length / channels).map((_, i) => weights[i * channels + channel]!);
    const exponent = own.some((weight) => weight !== 0) ? bestExponent(q, own) : whole;
    return clamp(exponent - whole, exponentLimits.min, exponentLimits.max);
  });
}

/**
 * A finer step clips more weights, and clipped weights learn less. So it has to reduce the error to less than this
 * factor.
 */
const CLEARLY_BETTER = 0.75;

/** Number of values by which a tensor is judged. */
const SAMPLED_VALUES = 2 ** 16;

/** The exponent of the best step. */
function bestExponent(q: Quantizer, values: ArrayLike<number>): number {
  // Odd, as numbers of channels have many factors of two: an even stride would pass over half of them.
  const stride = Math.ceil(values.length / SAMPLED_VALUES) | 1;
  const sample = new Float64Array(Math.ceil(values.length / stride)).map((_, i) => values[i * stride]!);
  const peak = sample.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  if (!(peak > 0 && peak < Number.POSITIVE_INFINITY)) return exponentOf(publishedStepSize);
  const [first, better] =
    q.role === 'activation'
      ? [Math.ceil(Math.log2(peak / (powerOfTwo(q.bitwidth - (q.signed ? 1 : 0)) - 1))), 1]
      : [exponentOf(stepFor(q.bitwidth, peak)), CLEARLY_BETTER];
  let best = { exponent: first, error: Number.POSITIVE_INFINITY };
  for (let exponent = first; exponent > first - octavesTried; exponent--) {
    const { parameters, fixed } = startWithStep(q, powerOfTwo(exponent));
    const enough = better * best.error;
    const error = squaredError({ ...q, fixed }, ...parameters, sample, { enough });
    if (error < enough) best = { exponent, error };
  }
  return best.exponent;
}
