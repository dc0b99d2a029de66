/** Where an activation quantizer starts whose activations have been measured. Nothing of this is published. */
import type { Quantizer } from './quantizer.js';
import { octavesTried, squaredError } from './requantization.js';
import { powerOfTwo } from './rounding.js';
import { publishedStepSize, type StartValues, startActivation } from './startValues.js';

/**
 * Start with the step, a power of two, whose levels change the activations least, by the sum of the squares. The largest
 * one tried has all of them in its range. With the published step where all of them are 0, or one is not finite.
 */
export function startFromActivations(q: Quantizer, activations: ArrayLike<number>): StartValues {
  let peak = 0;
  for (let i = 0; i < activations.length; i++) peak = Math.max(peak, activations[i]!);
  if (!(peak > 0 && peak < Number.POSITIVE_INFINITY)) return startActivation(q, publishedStepSize);
  const first = Math.ceil(Math.log2(peak / (powerOfTwo(q.bitwidth) - 1)));
  const tried = Array.from({ length: octavesTried }, (_, octave) => {
    const start = startActivation(q, powerOfTwo(first - octave));
    return { start, error: squaredError({ ...q, fixed: start.fixed }, ...start.parameters, activations) };
  });
  return tried.reduce((best, each) => (each.error < best.error ? each : best)).start;
}
