/** Tensors for builders and gradient rules. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

/** A transient tensor for the gradient of another one. */
export function gradientLike(graph: Graph, tensor: Tensor): Tensor {
  return graph.tensor(`d(${tensor.name})`, tensor.shape);
}
