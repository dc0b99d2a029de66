/** Where an activation quantizer starts whose activations have been measured. Nothing of this is published. */
import type { Quantizer } from './quantizer.js';
import { squaredError } from './requantization.js';
import { powerOfTwo } from './rounding.js';
import { publishedStepSize, type StartValues, startActivation } from './startValues.js';

/**
 * Start with the step, a power of two, whose levels change the activations least, by the sum of the squares; looked for
 * from a range that holds all of them downwards. With the published step where all of them are 0.
 */
export function startFromActivations(q: Quantizer, activations: ArrayLike<number>): StartValues {
  let peak = 0;
  for (let i = 0; i < activations.length; i++) peak = Math.max(peak, activations[i]!);
  if (peak === 0) return startActivation(q, publishedStepSize);
  const tried = (exponent: number) => {
    const start = startActivation(q, powerOfTwo(exponent));
    return { start, error: squaredError({ ...q, fixed: start.fixed }, ...start.parameters, activations) };
  };
  let exponent = Math.ceil(Math.log2(peak / (powerOfTwo(q.bitwidth) - 1)));
  let best = tried(exponent);
  for (;;) {
    const finer = tried(--exponent);
    if (!(finer.error < best.error)) return best.start;
    best = finer;
  }
}
