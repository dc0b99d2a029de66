/** Start values of weights, named by data, so that a network's definition can be written to a file. */

import type { Random } from '../data/random.js';
import { elementCount } from '../graph/index.js';

/**
 * How a weight starts: `he` is normal with variance 2/fan-in or 2/fan-out (He et al. 2015: the former is the start of
 * their ResNets, the latter torchvision's of convolutions), `normal` has this deviation, `uniform` lies within ± this limit.
 */
export type Initializer =
  | 'zeros'
  | 'ones'
  | { readonly he: 'fanIn' | 'fanOut' }
  | { readonly normal: number }
  | { readonly uniform: number };

/** The start values of a weight of this shape, which is the engines': (…, inputs, outputs). */
export function startValues(initializer: Initializer, shape: readonly number[], random: Random): Float64Array {
  if (initializer === 'zeros') return new Float64Array(elementCount(shape));
  if (initializer === 'ones') return new Float64Array(elementCount(shape)).fill(1);
  if ('uniform' in initializer) return fill(shape, () => initializer.uniform * (2 * random.uniform() - 1));
  const deviation = 'normal' in initializer ? initializer.normal : heDeviation(initializer.he, shape);
  return fill(shape, () => deviation * random.normal());
}

function heDeviation(counted: 'fanIn' | 'fanOut', shape: readonly number[]): number {
  const window = elementCount(shape.slice(0, -2));
  const units = shape[shape.length - (counted === 'fanIn' ? 2 : 1)]!;
  return Math.sqrt(2 / (window * units));
}

/** Float32 values, so that every engine starts from the same numbers. */
function fill(shape: readonly number[], next: () => number): Float64Array {
  return new Float64Array(elementCount(shape)).map(() => Math.fround(next()));
}
