/** The squared error of quantized values, by which steps are compared. */

import { elementQuantizers } from './elementQuantizer.js';
import { coreOf } from './kinds/index.js';
import { effectiveRange } from './parametrization.js';
import type { Quantizer } from './quantizer.js';

/** Number of octaves tried: a range of less than 1/32 of the largest value suits no distribution. */
export const octavesTried = 6;

/** The scale of a tensor whose channels all have the step of their quantizer. */
export const unscaled: ArrayLike<number> = [1];

/** Options of a sum of squared errors. */
export interface ErrorOptions {
  /** Scales of the channels, the last axis (see `channelExponents.ts`); all 1 by default. */
  readonly scales?: ArrayLike<number> | undefined;
  /** A sum at which the summation may end; by default it does not end early. */
  readonly enough?: number;
}

/** Sum of (Q(x) - x)² over the values, or over a first part of them if that reaches `enough`. */
export function squaredError(
  q: Quantizer,
  p0: number,
  p1: number,
  values: ArrayLike<number>,
  { scales = unscaled, enough = Number.POSITIVE_INFINITY }: ErrorOptions = {},
): number {
  const [e0, e1] = effectiveRange(q, p0, p1);
  const { value } = elementQuantizers[coreOf(q.kind)];
  let sum = 0;
  // A remainder would take as long as the quantization.
  let channel = 0;
  for (let i = 0; i < values.length && sum < enough; i++) {
    const x = values[i]!;
    const scale = scales[channel]!;
    const error = value(q.signed, scale * e0, scale * e1, x) - x;
    sum += error * error;
    if (++channel === scales.length) channel = 0;
  }
  return sum;
}
