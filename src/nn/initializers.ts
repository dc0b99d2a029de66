/** Start values of weights. Shapes are the inside ones: (…, inputs, outputs). */

import type { Random } from '../data/random.js';
import { elementCount } from '../graph/index.js';
import type { Initializer } from './layers.js';

/** Normal with variance 2 / (what leaves a unit), He et al. 2015: torchvision's start of convolutions. */
export function heNormal(random: Random): Initializer {
  return (shape) => {
    const leaves = elementCount(shape.slice(0, -2)) * shape[shape.length - 1]!;
    return normal(random, Math.sqrt(2 / leaves))(shape);
  };
}

/** Normal with mean 0. */
export function normal(random: Random, deviation: number): Initializer {
  return (shape) => fill(shape, () => deviation * random.normal());
}

/** Uniform in ±√(6 / (what enters a unit + outputs)): Glorot and Bengio 2010 as NNabla, and so the published code, has it. */
export function glorotUniform(random: Random): Initializer {
  return (shape) => {
    const enters = elementCount(shape.slice(0, -1));
    return uniform(random, Math.sqrt(6 / (enters + shape[shape.length - 1]!)))(shape);
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
