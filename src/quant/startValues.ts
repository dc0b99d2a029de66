/**
 * Where a quantizer starts: a step, the range that the configured bits span with it, and from these whichever two
 * values the parametrization learns.
 *
 * Weights with known values choose the step so that the range is about max|w|: rounded up to a power of two, but
 * rounded down for few bits (4 and less), where precision near zero matters more than the tails. A bias takes the
 * weights of its layer. Power-of-two ends are forced inside their limits; uniform values are not, as published.
 */

import { exponentLimits } from './channelExponents.js';
import { inside } from './projection.js';
import type { ParameterName, Quantizer } from './quantizer.js';
import { parameterNames } from './quantizer.js';
import { clamp, exponentOf, nearestPowerOfTwo, powerOfTwo } from './rounding.js';

/** What of a quantizer decides its start. */
export type StartDescription = Pick<Quantizer, 'kind' | 'bitwidth' | 'bounds' | 'accountingXmin'>;

/** The start of a quantizer: its row in the table of learned values, (0, 0) if fixed, and its fixed pair. */
export interface StartValues {
  readonly parameters: readonly [number, number];
  readonly fixed: readonly [number, number] | null;
}

/**
 * Start of a weight or bias quantizer whose layer's weights are known.
 *
 * @throws {RangeError} for less than 2 bits: one is the sign.
 */
export function startFromWeights(q: StartDescription, weights: ArrayLike<number>): StartValues {
  return startAt(q, stepFor(q.bitwidth, largestMagnitude(weights)), true);
}

/**
 * Start of the exponents of a weight's channels (see `channelExponents.ts`), its last axis: with them each channel has
 * the step that it would have by itself. A channel of zeros takes the step of the tensor.
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
 * Start of a weight or bias quantizer whose layer's weights are not known yet: with the configured step.
 *
 * @throws {RangeError} for less than 2 bits: one is the sign.
 */
export function startFresh(q: StartDescription, stepSize: number): StartValues {
  return startAt(q, stepSize, true);
}

/** Start of an activation quantizer, with the configured step. */
export function startActivation(q: StartDescription, stepSize: number): StartValues {
  return startAt(q, stepSize, false);
}

/** The step that quantizers start with as published, but those of weights that a file gives. */
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

function startAt(q: StartDescription, stepSize: number, signed: boolean): StartValues {
  const range = stepSize * largestInteger(q.bitwidth, signed);
  const snapped = nearestPowerOfTwo(range);
  switch (q.kind) {
    case 'fp':
      return { parameters: [0, 0], fixed: [q.bitwidth, stepSize] };
    case 'pow2':
      return { parameters: [0, 0], fixed: [q.bitwidth, exponentOf(snapped)] };
    case 'parametric_fp':
    case 'parametric_fp_d_xmax':
    case 'parametric_fp_b_xmax':
    case 'parametric_fp_d_b':
      return learned(q, { n: q.bitwidth, m: Math.log2(range), d: stepSize, xmin: 0, xmax: range });
    case 'parametric_pow2':
    case 'parametric_pow2_xmin_xmax':
    case 'parametric_pow2_b_xmax':
    case 'parametric_pow2_b_xmin':
      return learned(q, {
        n: q.bitwidth,
        m: exponentOf(snapped),
        d: stepSize,
        xmin: inside(snapped * powerOfTwo(1 - powerOfTwo(q.bitwidth - 1)), q.accountingXmin),
        xmax: inside(snapped, q.bounds.xmax),
      });
    default:
      return q.kind satisfies never;
  }
}

function learned(q: StartDescription, start: Readonly<Record<ParameterName, number>>): StartValues {
  const [first, second] = parameterNames(q.kind);
  return { parameters: [start[first!], start[second!]], fixed: null };
}
