import { type AnyNode, resultsOf, type Tensors } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { definitionOf } from './index.js';

/** The tensors that a node writes: its results, and the operands that it updates in place. */
export function writtenBy(node: AnyNode): Tensor[] {
  const operands: Tensors = node.operands;
  return [...resultsOf(node), ...(definitionOf(node).updates ?? []).flatMap((name) => operands[name] ?? [])];
}
