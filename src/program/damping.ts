/**
 * Damping of oscillations: quantized weights are pulled to the levels that they are rounded to, so that fewer of them go
 * to and fro between two (Nagel et al., arXiv 2203.11086, whose loss is Σ(w − q(w))², without the weights that are clipped).
 *
 * Of λ/2·Σ(w − q(w))² the gradient is λ·(w − q(w)), with q(w) held, and it goes where the quantizer lets gradients
 * through; quantizers learn nothing from it. It is written in operations that there are: engines need no more.
 */

import type { Graph, Storage, Tensor } from '../graph/index.js';
import { add } from '../ops/add.js';
import { scale } from '../ops/scale.js';
import { gradientLike } from '../ops/tensors.js';

/**
 * Appends the gradients that damp the quantized weights of a forward graph; returns them with the weights.
 *
 * @param lambda λ, and −λ, since no operation subtracts: tensors of one number
 */
export function appendDamping(
  graph: Graph,
  parameters: Storage,
  lambda: readonly [Tensor, Tensor],
): [weight: Tensor, gradient: Tensor][] {
  const gradients: [Tensor, Tensor][] = [];
  for (const node of [...graph.nodes]) {
    if (node.op !== 'activation' && node.op !== 'quantizeChannels') continue;
    const { x } = node.operands;
    if (x.view?.storage !== parameters) continue;
    const dy = add(graph, scale(graph, x, lambda[0]), scale(graph, node.results.y, lambda[1]));
    const dx = gradientLike(graph, x);
    if (node.op === 'activation') {
      graph.append('activationGradient', { ...node.operands, dy }, { dx, sums: null }, node.attributes);
    } else {
      const unused = { dexponents: gradientLike(graph, node.operands.exponents), sums: graph.tensor('unused', [2]) };
      graph.append('quantizeChannelsGradient', { ...node.operands, dy }, { dx, ...unused }, node.attributes);
    }
    gradients.push([x, dx]);
  }
  return gradients;
}
