/** Requantization of all quantizers of a network with other numbers of bits. */

import type { StorageArray } from '../engine/engine.js';
import { elementCount } from '../graph/index.js';
import { exponentsName, leftOf, type Variable, type Variables } from '../nn/index.js';
import { tensorOf } from '../program/quantizerReport.js';
import { channelScale, requantizeActivation, requantizeWeights } from '../quant/index.js';

interface Refit {
  readonly values: readonly [number, number];
  /** Squared error; only of weights. */
  readonly error: number;
}

export type Refits = (row: number, bits: number) => Refit;

/** The best values of a row for so many bits and their error; each is computed once. */
export function refits(variables: Variables, table: ArrayLike<number>, parameters: StorageArray): Refits {
  const known = new Map<string, Refit>();
  const compute = (row: number, bits: number): Refit => {
    const quantizer = variables.quantizers[row]!;
    const present = [table[2 * row]!, table[2 * row + 1]!] as const;
    if (quantizer.role === 'activation') return { values: requantizeActivation(quantizer, bits, ...present), error: 0 };
    const weights = elementsOf(variables, row, parameters);
    return requantizeWeights(quantizer, bits, present, weights, scalesOf(variables, row, parameters));
  };
  return (row, bits) => {
    const key = `${row} ${bits}`;
    const refit = known.get(key) ?? compute(row, bits);
    known.set(key, refit);
    return refit;
  };
}

/**
 * The elements of a weight's quantizer in a vector with the layout of the parameters, without those of pruned channels.
 */
export function elementsOf(variables: Variables, row: number, vector: StorageArray): Floats {
  const name = tensorOf(variables.quantizers[row]!.name);
  const variable = variables.find(name);
  if (!variable) throw new Error(`no parameter is called ${name}`);
  return leftOf(variables, variable, partOf(variable, vector));
}

/** The scales of a weight's remaining channels, if they have steps of their own. */
export function scalesOf(variables: Variables, row: number, parameters: StorageArray): number[] | undefined {
  const exponents = variables.find(exponentsName(variables.quantizers[row]!));
  return exponents && Array.from(leftOf(variables, exponents, partOf(exponents, parameters)), channelScale);
}

/** The elements of a parameter in a vector with the layout of the parameters. */
export function partOf({ view, shape }: Variable, vector: StorageArray): Floats {
  return vector.subarray(view.offset, view.offset + elementCount(shape)) as Floats;
}

type Floats = Float32Array | Float64Array;
