/** How an operation is differentiated: given the gradients of its results, append nodes for those of its operands. */

import type { Graph, Node } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { OpName } from './attributes.js';

/**
 * Returns one gradient an operand, null where there is none. `upstream` holds the gradients of the results, null where
 * a result has none; a rule is called only if at least one is there. Gradients of quantizers go to `sums`, the storage
 * that holds two reductions a row.
 */
export type GradientRule<K extends OpName> = (
  graph: Graph,
  node: Node<K>,
  upstream: readonly (Tensor | null)[],
  sums: Tensor,
) => (Tensor | null)[];

/** An operand that must be there. */
export function operand(
  node: { readonly op: string; readonly inputs: readonly (Tensor | null)[] },
  index: number,
): Tensor {
  const tensor = node.inputs[index];
  if (!tensor) throw new Error(`${node.op} lacks operand ${index}`);
  return tensor;
}

/** A transient tensor for the gradient of another. */
export function gradientLike(graph: Graph, tensor: Tensor): Tensor {
  return graph.tensor(`d(${tensor.name})`, tensor.shape);
}
