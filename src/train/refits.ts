/** New values for quantizers that shall have other bits, from the parameters of a network as they are. */

import type { StorageArray } from '../engine/engine.js';
import { elementCount } from '../graph/index.js';
import { exponentsName, leftOf, type Variable, type Variables } from '../nn/index.js';
import { tensorOf } from '../program/quantizerReport.js';
import { channelScale, requantizeActivation, requantizeWeights } from '../quant/index.js';

interface Refit {
  readonly values: readonly [number, number];
  /** Squared error, of weights. */
  readonly error: number;
}

export type Refits = (row: number, bits: number) => Refit;

/** The best values of a row with so many bits and the error they leave, computed once. */
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
 * The part, belonging to a weight's quantizer, of a vector that is laid out like the parameters, without the elements of
 * channels that are gone.
 */
export function elementsOf(variables: Variables, row: number, vector: StorageArray): Floats {
  const name = tensorOf(variables.quantizers[row]!.name);
  const variable = variables.find(name);
  if (!variable) throw new Error(`no parameter is called ${name}`);
  return leftOf(variables, variable, partOf(variable, vector));
}

/** The scales of a weight's channels, where they have steps of their own: of those that are left. */
export function scalesOf(variables: Variables, row: number, parameters: StorageArray): number[] | undefined {
  const exponents = variables.find(exponentsName(variables.quantizers[row]!));
  return exponents && Array.from(leftOf(variables, exponents, partOf(exponents, parameters)), channelScale);
}

/** The part of a vector, laid out like the parameters, that belongs to a parameter. */
export function partOf({ view, shape }: Variable, vector: StorageArray): Floats {
  return vector.subarray(view.offset, view.offset + elementCount(shape)) as Floats;
}

type Floats = Float32Array | Float64Array;
