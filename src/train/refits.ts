/** Requantization of all quantizers of a network with other numbers of bits. */

import type { StorageArray } from '../engine/engine.js';
import type { Variables } from '../nn/index.js';
import { requantizeActivation, requantizeWeights } from '../quant/index.js';
import { elementsOf, scalesOf } from './parameterElements.js';

interface Refit {
  readonly values: readonly [number, number];
  /** Squared error; only of weights. */
  readonly error: number;
}

export type Refits = (row: number, bits: number) => Refit;

/** The best values of a row for so many bits and their error; each is computed once. */
export function refits(variables: Variables, table: ArrayLike<number>, parameters: StorageArray): Refits {
  const known = new Map<string, Refit>();
  const weightsOf = onceEach((row) => ({
    weights: elementsOf(variables, row, parameters),
    scales: scalesOf(variables, row, parameters),
  }));
  const compute = (row: number, bits: number): Refit => {
    const quantizer = variables.quantizers[row]!;
    const present = [table[2 * row]!, table[2 * row + 1]!] as const;
    if (quantizer.role === 'activation') return { values: requantizeActivation(quantizer, bits, ...present), error: 0 };
    const { weights, scales } = weightsOf(row);
    return requantizeWeights(quantizer, bits, present, weights, scales);
  };
  return (row, bits) => {
    const key = `${row} ${bits}`;
    const refit = known.get(key) ?? compute(row, bits);
    known.set(key, refit);
    return refit;
  };
}

/** The function, computed once for each row. */
function onceEach<T>(compute: (row: number) => T): (row: number) => T {
  const known = new Map<number, T>();
  return (row) => {
    const value = known.get(row) ?? compute(row);
    known.set(row, value);
    return value;
  };
}
