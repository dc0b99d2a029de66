/** Initial values of weights. An initializer is data, so that a definition can be written to a file. */

import type { Random } from '../data/random.js';
import { elementCount } from '../graph/index.js';

/**
 * Distribution of a weight's initial values. `he`: normal with variance 2/fan-in or 2/fan-out (He et al. 2015; their
 * ResNets use fan-in, torchvision's convolutions fan-out). `normal`: with this standard deviation. `uniform`: within ±
 * this limit.
 */
export type Initializer =
  | 'zeros'
  | 'ones'
  | { readonly he: 'fanIn' | 'fanOut' }
  | { readonly normal: number }
  | { readonly uniform: number };

/** The initial values of a weight of the engines' shape (…, inputs, outputs). */
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
