/**
 * A step for every output channel of a weight: channel c is quantized with both effective values (e0, e1) of the
 * tensor's quantizer multiplied by a power of two,
 *
 *     s_c = 2^R(S(k_c))
 *
 * with a learned exponent k_c. Step and range of a channel scale together, so all channels have the same number of
 * levels: the bits of the tensor are those of its quantizer, and sizes, budgets and caps do not depend on channels.
 */
import type { Interval } from './quantizer.js';
import { clamp, powerOfTwo, roundHalfAway } from './rounding.js';

/**
 * Limits S of the exponents: the coarsest step is at most 2^16 times the finest. With wider limits, weights could leave
 * the range that float16 holds exactly.
 */
export const exponentLimits: Interval = { min: -8, max: 8 };

/** s_c of an exponent k_c. */
export function channelScale(exponent: number): number {
  return powerOfTwo(roundHalfAway(clamp(exponent, exponentLimits.min, exponentLimits.max)));
}

/**
 * The gradient of an exponent, with a straight-through R, from the tensor's effective values (e0, e1) and the sums (s0,
 * s1) over the elements of the channel: ln 2 · s_c · (e0·s0 + e1·s1). At and beyond a limit, a gradient that leads
 * further outwards is dropped, so that no exponent gets stuck there.
 */
export function exponentGradient(exponent: number, e0: number, e1: number, s0: number, s1: number): number {
  const gradient = Math.LN2 * channelScale(exponent) * (e0 * s0 + e1 * s1);
  if (exponent >= exponentLimits.max) return Math.max(gradient, 0);
  if (exponent <= exponentLimits.min) return Math.min(gradient, 0);
  return gradient;
}
