/** Activations (functions and quantizers) and their derivatives, in float64. */

import { elementQuantizers } from '../quant/index.js';
import type { Activation, ActivationFunction } from './attributes.js';

/** An activation and its derivatives: with respect to the input, and to the two effective values of a quantizer. */
export interface ActivationFunctions {
  value(z: number): number;
  inputFactor(z: number): number;
  rangeFactor0(z: number): number;
  rangeFactor1(z: number): number;
}

/** Functions without parameters and their derivatives. */
const unlearned: Readonly<Record<ActivationFunction, Pick<ActivationFunctions, 'value' | 'inputFactor'>>> = {
  relu: { value: (z) => Math.max(z, 0), inputFactor: (z) => (z > 0 ? 1 : 0) },
  relu6: { value: (z) => Math.min(Math.max(z, 0), 6), inputFactor: (z) => (z > 0 && z < 6 ? 1 : 0) },
  sigmoid: { value: sigmoid, inputFactor: (z) => sigmoid(z) * (1 - sigmoid(z)) },
  hardSigmoid: { value: hardSigmoid, inputFactor: (z) => (Math.abs(z) < 3 ? 1 / 6 : 0) },
  hardSwish: {
    value: (z) => z * hardSigmoid(z),
    inputFactor: (z) => (Math.abs(z) < 3 ? z / 3 + 1 / 2 : hardSigmoid(z)),
  },
  silu: { value: (z) => z * sigmoid(z), inputFactor: (z) => sigmoid(z) * (1 + z * (1 - sigmoid(z))) },
};

function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

function hardSigmoid(z: number): number {
  return Math.min(Math.max(z / 6 + 1 / 2, 0), 1);
}

/** The functions of an activation; null is the identity. `ranges`: effective ranges, needed by quantizers. */
export function activationFunctions(
  activation: Activation | null,
  ranges: ArrayLike<number> | null,
): ActivationFunctions {
  const none = () => 0;
  if (!activation) return { value: (z) => z, inputFactor: () => 1, rangeFactor0: none, rangeFactor1: none };
  if (activation.type !== 'quantize') {
    return { ...unlearned[activation.type], rangeFactor0: none, rangeFactor1: none };
  }
  const { core, signed, row } = activation;
  const [e0, e1] = [ranges![2 * row]!, ranges![2 * row + 1]!];
  const element = elementQuantizers[core];
  return {
    value: (z) => element.value(signed, e0, e1, z),
    inputFactor: (z) => element.inputFactor(signed, e0, e1, z),
    rangeFactor0: (z) => element.rangeFactor0(signed, e0, e1, z),
    rangeFactor1: (z) => element.rangeFactor1(signed, e0, e1, z),
  };
}

/** The error of a quantizer's row in a table of Q ranges; null for none. */
export function rowFault(row: number, Q: number): string | null {
  if (Number.isInteger(row) && row >= 0 && row < Q) return null;
  return `the quantizer in row ${row} of ${Q} ranges, right would be a row below ${Q}`;
}

/** The error of an activation's row and ranges, which only quantizers need; null for none. */
export function activationFault(activation: Activation | null, ranges: unknown, Q: number): string | null {
  if (activation?.type !== 'quantize') return null;
  return ranges ? rowFault(activation.row, Q) : 'ranges is missing, right would be [Q,2] for a quantizer';
}
