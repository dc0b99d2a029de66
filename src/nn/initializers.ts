/** Start values of weights. Shapes are the inside ones: (…, inputs, outputs). */

import type { Random } from '../data/random.js';
import { elementCount } from '../graph/index.js';
import type { Initializer } from './layers.js';

/** Normal with variance 2 / fan (He et al. 2015); `fan` counts what enters ('in') or leaves ('out') a unit. */
export function heNormal(random: Random, fan: 'in' | 'out'): Initializer {
  return (shape) => {
    const units = shape[shape.length - (fan === 'in' ? 2 : 1)]!;
    const window = elementCount(shape.slice(0, -2));
    const deviation = Math.sqrt(2 / (window * units));
    return fill(shape, () => deviation * random.normal());
  };
}

/** Uniform in ±limit. */
export function uniform(random: Random, limit: number): Initializer {
  return (shape) => fill(shape, () => limit * (2 * random.uniform() - 1));
}

export const zeros: Initializer = (shape) => new Float64Array(elementCount(shape));
export const ones: Initializer = (shape) => new Float64Array(elementCount(shape)).fill(1);

/** Float32 values, so that every engine starts from the same numbers. */
function fill(shape: readonly number[], next: () => number): Float64Array {
  return Float64Array.from({ length: elementCount(shape) }, () => Math.fround(next()));
}
