/** Operands and results of a node by position, checked once, so that engines need not repeat it. */

import type { AnyNode } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

type Operands = Pick<AnyNode, 'op' | 'inputs' | 'outputs'>;

/** An operand that must be there. */
export function operand(node: Operands, position: number): Tensor {
  const tensor = node.inputs[position];
  if (!tensor) throw new Error(`${node.op} lacks operand ${position}`);
  return tensor;
}

export function optionalOperand(node: Operands, position: number): Tensor | null {
  return node.inputs[position] ?? null;
}

/** A result that must be there. */
export function result(node: Operands, position: number): Tensor {
  const tensor = node.outputs[position];
  if (!tensor) throw new Error(`${node.op} lacks result ${position}`);
  return tensor;
}

export function optionalResult(node: Operands, position: number): Tensor | null {
  return node.outputs[position] ?? null;
}
