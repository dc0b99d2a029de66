/**
 * Start of a quantizer as published: a step, the range that the configured bits span with it, and from these the two
 * values that the parametrization learns.
 *
 * For known weights the step gives a range of about max|w|: rounded up to a power of two, but rounded down for few bits
 * (4 and less), where precision near zero matters more than the tails. A bias uses the weights of its layer.
 * Power-of-two ends are clamped to their limits; uniform values are not, as published.
 */

import { exponentLimits } from './channelExponents.js';
import { kindNamed } from './kinds/index.js';
import type { StartDescription, StartValues } from './kinds/kind.js';
import type { Quantizer } from './quantizer.js';
import { clamp, exponentOf, powerOfTwo } from './rounding.js';

/**
 * The start of a weight's or a bias's quantizer from the layer's weights.
 *
 * @throws {RangeError} for less than 2 bits: one is the sign.
 */
export function startFromWeights(q: StartDescription, weights: ArrayLike<number>): StartValues {
  return startWithStep(q, stepFor(q.bitwidth, largestMagnitude(weights)));
}

/**
 * The initial exponents for the channels of a weight (see `channelExponents.ts`), its last axis: with them each channel
 * has the step that it would have alone. A channel of zeros has the step of the tensor.
 *
 * @throws {RangeError} for less than 2 bits: one is the sign.
 */
export function startExponents(
  { bitwidth }: Pick<Quantizer, 'bitwidth'>,
  weights: ArrayLike<number>,
  channels: number,
): Float64Array {
  const whole = exponentOf(stepFor(bitwidth, largestMagnitude(weights)));
  return Float64Array.from({ length: channels }, (_, channel) => {
    const largest = largestMagnitude(weights, channel, channels);
    if (largest === 0) return 0;
    return clamp(exponentOf(stepFor(bitwidth, largest)) - whole, exponentLimits.min, exponentLimits.max);
  });
}

/**
 * The start with a given step: for activations, and for weights or biases whose values are not known yet.
 *
 * @throws {RangeError} for less than 2 bits with a sign, or less than 1 without
 */
export function startWithStep(q: StartDescription, step: number): StartValues {
  return kindNamed(q.kind).start(q, step, step * largestInteger(q.bitwidth, q.signed));
}

/** The published initial step, except for weights given by a file. */
export const publishedStepSize = 2 ** -3;

const float32Epsilon = 2 ** -23;

/** The published step of weights, whose range is about their largest magnitude. */
export function stepFor(bitwidth: number, largest: number): number {
  const exact = (largest + float32Epsilon) / largestInteger(bitwidth, true);
  const floor = powerOfTwo(exponentOf(exact));
  return bitwidth > 4 && exact > floor ? 2 * floor : floor;
}

function largestMagnitude(values: ArrayLike<number>, start = 0, stride = 1): number {
  let largest = 0;
  for (let i = start; i < values.length; i += stride) largest = Math.max(largest, Math.abs(values[i]!));
  return largest;
}

function largestInteger(bitwidth: number, signed: boolean): number {
  const largest = powerOfTwo(signed ? bitwidth - 1 : bitwidth) - 1;
  if (!(largest >= 1)) throw new RangeError(`bitwidth ${bitwidth}: allowed ${signed ? 2 : 1} or more`);
  return largest;
}
