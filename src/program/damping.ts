/**
 * Damping of oscillations: quantized weights are pulled to the levels that they are rounded to, so that fewer of them
 * oscillate between two (Nagel et al., arXiv 2203.11086, with the loss Σ(w − q(w))² over weights that are not clipped).
 *
 * The gradient of λ/2·Σ(w − q(w))² is λ·(w − q(w)), with q(w) held constant, and it is applied where the quantizer
 * passes gradients; quantizers learn nothing from it. It is composed of existing operations, so that engines need no
 * others.
 */

import type { Graph, Storage, Tensor } from '../graph/index.js';
import { add } from '../ops/add.js';
import { scale } from '../ops/scale.js';
import { gradientLike } from '../ops/tensors.js';

/**
 * Appends the gradients that damp the quantized weights of a forward graph. Returns them with the weights.
 *
 * @param lambda λ, and −λ, since there is no subtraction: tensors of one number
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
