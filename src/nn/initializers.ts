/** Start values of weights. Shapes are the engines': (…, inputs, outputs). */

import type { Random } from '../data/random.js';
import { elementCount } from '../graph/index.js';
import type { Initializer } from './layers.js';

/**
 * Normal with variance 2/fan-in or 2/fan-out, He et al. 2015: the former is the start of their ResNets, the
 * latter torchvision's of convolutions.
 */
export function heNormal(random: Random, counted: 'fanIn' | 'fanOut'): Initializer {
  return (shape) => {
    const window = elementCount(shape.slice(0, -2));
    const units = shape[shape.length - (counted === 'fanIn' ? 2 : 1)]!;
    return normal(random, Math.sqrt(2 / (window * units)))(shape);
  };
}

/** Normal with mean 0. */
export function normal(random: Random, deviation: number): Initializer {
  return (shape) => fill(shape, () => deviation * random.normal());
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
