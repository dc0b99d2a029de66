/** Activations: ReLU, ReLU6 and quantizers (which replace them), alone or after a batch norm. */

import type { Tensor } from '../../graph/tensor.js';
import type { Activation } from '../../ops/attributes.js';
import { elementQuantizers } from '../../quant/index.js';
import { operand, optionalOperand, optionalResult, result } from '../operands.js';
import type { Kernel } from './kernel.js';
import type { Memory } from './memory.js';

/** An activation and its derivatives: to its input, and to the two effective values of a quantizer. */
export interface ActivationFunctions {
  value(z: number): number;
  inputFactor(z: number): number;
  rangeFactor0(z: number): number;
  rangeFactor1(z: number): number;
}

/** The functions of an activation; `ranges` are the effective ranges, needed by quantizers. Null is the identity. */
export function activationFunctions(
  activation: Activation | null,
  ranges: Tensor | null,
  memory: Memory,
): ActivationFunctions {
  const none = () => 0;
  if (!activation) return { value: (z) => z, inputFactor: () => 1, rangeFactor0: none, rangeFactor1: none };
  switch (activation.type) {
    case 'relu':
      return {
        value: (z) => Math.max(z, 0),
        inputFactor: (z) => (z > 0 ? 1 : 0),
        rangeFactor0: none,
        rangeFactor1: none,
      };
    case 'relu6':
      return {
        value: (z) => Math.min(Math.max(z, 0), 6),
        inputFactor: (z) => (z > 0 && z < 6 ? 1 : 0),
        rangeFactor0: none,
        rangeFactor1: none,
      };
    case 'quantize': {
      const { core, signed, row } = activation;
      if (!ranges) throw new Error('a quantizer needs the effective ranges');
      const values = memory.floats(ranges);
      const e0 = values[2 * row]!;
      const e1 = values[2 * row + 1]!;
      const element = elementQuantizers[core];
      return {
        value: (z) => element.value(signed, e0, e1, z),
        inputFactor: (z) => element.inputFactor(signed, e0, e1, z),
        rangeFactor0: (z) => element.rangeFactor0(signed, e0, e1, z),
        rangeFactor1: (z) => element.rangeFactor1(signed, e0, e1, z),
      };
    }
    default:
      return activation satisfies never;
  }
}

export const activation: Kernel<'activation'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const y = memory.floats(result(node, 0));
  const { value } = activationFunctions(node.attributes.activation, optionalOperand(node, 1), memory);
  for (let i = 0; i < x.length; i++) y[i] = value(x[i]!);
};

export const activationGradient: Kernel<'activationGradient'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const dy = memory.floats(operand(node, 2));
  const dx = memory.floats(result(node, 0));
  const sums = optionalResult(node, 1);
  const functions = activationFunctions(node.attributes.activation, optionalOperand(node, 1), memory);
  let s0 = 0;
  let s1 = 0;
  for (let i = 0; i < x.length; i++) {
    const z = x[i]!;
    const g = dy[i]!;
    s0 += g * functions.rangeFactor0(z);
    s1 += g * functions.rangeFactor1(z);
    dx[i] = g * functions.inputFactor(z);
  }
  if (sums) memory.floats(sums).set([s0, s1]);
};
