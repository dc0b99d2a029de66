/** Elements of single parameters in a vector with the layout of all parameters. */

import type { StorageArray } from '../engine/engine.js';
import { elementCount } from '../graph/index.js';
import { exponentsName, leftOf, type Variable, type Variables } from '../nn/index.js';
import { tensorOf } from '../program/quantizerReport.js';
import { channelScale } from '../quant/index.js';

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
