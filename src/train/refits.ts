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

/**
 * The best values of a row for so many bits and their error, without the channels pruned by then; each is computed once.
 */
export function refits(variables: Variables, table: ArrayLike<number>, parameters: StorageArray): Refits {
  const ofRow = onceEach(variables, (row): ((bits: number) => Refit) => {
    const quantizer = variables.quantizers[row]!;
    const present = [table[2 * row]!, table[2 * row + 1]!] as const;
    const known: Refit[] = [];
    if (quantizer.role === 'activation') {
      return (bits) => (known[bits] ??= { values: requantizeActivation(quantizer, bits, ...present), error: 0 });
    }
    const [weights, scales] = [elementsOf(variables, row, parameters), scalesOf(variables, row, parameters)];
    return (bits) => (known[bits] ??= requantizeWeights(quantizer, bits, present, weights, scales));
  });
  return (row, bits) => ofRow(row)(bits);
}

/** The function, computed once for each row, and again when channels of its tensor have been pruned. */
export function onceEach<T>(variables: Variables, compute: (row: number) => T): (row: number) => T {
  const known: { readonly count: number; readonly value: T }[] = [];
  return (row) => {
    const { count } = (variables.remains?.network ?? variables).quantizers[row]!;
    if (known[row]?.count !== count) known[row] = { count, value: compute(row) };
    return known[row]!.value;
  };
}
