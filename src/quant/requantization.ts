/**
 * New learned values for a quantizer that gets another number of bits. When a budget takes a bit or gives one back,
 * training goes on from the best values that can be found without training.
 *
 * Weights are known, so their quantizer takes the step (a power of two) with the smallest squared error. Activations
 * are not; their quantizer keeps its range and takes the step that spans it best.
 */
import { capBits } from './bitCap.js';
import { kindNamed, parameterNames } from './kinds/index.js';
import { effectiveRange } from './parametrization.js';
import { projectParameters } from './projection.js';
import type { Quantizer } from './quantizer.js';
import { exponentOf, powerOfTwo } from './rounding.js';
import { octavesTried, squaredError, unscaled } from './squaredError.js';
import { startWithStep } from './startValues.js';

/**
 * The learned values with at most `bits` bits and the smallest squared error of the weights, and that error. A kind
 * without learned values keeps its constants; with weights that are all 0 the range is kept. `scales`: those of the
 * channels, which do not change.
 */
export function requantizeWeights(
  q: Quantizer,
  bits: number,
  present: readonly [number, number],
  weights: ArrayLike<number>,
  scales = unscaled,
): { values: [number, number]; error: number } {
  let largest = 0;
  for (let channel = 0; channel < scales.length; channel++) {
    let own = 0;
    for (let i = channel; i < weights.length; i += scales.length) own = Math.max(own, Math.abs(weights[i]!));
    largest = Math.max(largest, own / scales[channel]!);
  }
  const kept = requantizeActivation(q, bits, ...present);
  let best = { values: kept, error: squaredError(q, ...kept, weights, { scales }) };
  if (parameterNames(q.kind).length === 0 || largest === 0) return best;
  const bitwidth = Math.max(bits, 2);
  // The first step spans all weights: larger ones would only have some of its levels. Smaller ones clip.
  const first = exponentOf(largest / (powerOfTwo(bitwidth - 1) - 0.5)) + 1;
  for (let exponent = first; exponent > first - octavesTried; exponent--) {
    const values = withBits(q, bits, startWithStep({ ...q, bitwidth }, powerOfTwo(exponent)).parameters);
    const error = squaredError(q, ...values, weights, { scales, enough: best.error });
    if (error < best.error) best = { values, error };
  }
  return best;
}

/**
 * The learned values with at most `bits` bits that keep the range, or come as close as limits and a power-of-two step
 * allow.
 */
export function requantizeActivation(q: Quantizer, bits: number, p0: number, p1: number): [number, number] {
  const [, end] = effectiveRange(q, p0, p1);
  return withBits(q, bits, kindNamed(q.kind).spanning(q, bits, end, p0, p1));
}

/** The values moved inside their limits and capped to so many bits. */
function withBits(q: Quantizer, bits: number, values: readonly [number, number]): [number, number] {
  const projected = projectParameters(q, ...values);
  return capBits(q, bits, projected, projected);
}
