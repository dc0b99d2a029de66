/**
 * A step for every output channel of a weight: channel c of a tensor goes through the quantizer of the whole tensor with
 * both its effective values (e0, e1) multiplied by a power of two of its own,
 *
 *     s_c = 2^R(S(k_c))
 *
 * where the exponent k_c is learned. Step and range of a channel move together, so that all channels have as many levels:
 * the bits of the tensor, inferred or learned, are those of its quantizer, and sizes, budgets and caps need not know of
 * channels.
 */
import type { Interval } from './quantizer.js';
import { clamp, powerOfTwo, roundHalfAway } from './rounding.js';

/**
 * Limits S of the exponents: the coarsest step is 2^16 times the finest. Wider ones would drive weights that float16
 * holds exactly out of its range.
 */
export const exponentLimits: Interval = { min: -8, max: 8 };

/** s_c of an exponent k_c. */
export function channelScale(exponent: number): number {
  return powerOfTwo(roundHalfAway(clamp(exponent, exponentLimits.min, exponentLimits.max)));
}

/**
 * The gradient of an exponent, R being straight-through, from the effective values (e0, e1) of the whole tensor and the
 * sums (s0, s1) over the elements of the channel: ln 2 · s_c · (e0·s0 + e1·s1). At a limit and beyond, what would lead
 * further out is dropped, so that no exponent is stuck there.
 */
export function exponentGradient(exponent: number, e0: number, e1: number, s0: number, s1: number): number {
  const gradient = Math.LN2 * channelScale(exponent) * (e0 * s0 + e1 * s1);
  if (exponent >= exponentLimits.max) return Math.max(gradient, 0);
  if (exponent <= exponentLimits.min) return Math.min(gradient, 0);
  return gradient;
}
