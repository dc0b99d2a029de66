/** What follows a sum, element by element: ReLU, ReLU6 or a quantizer; weights pass a quantizer through the same op. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Activation } from './attributes.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/** `ranges`: effective ranges of all quantizers, [Q, 2]; read by quantizing activations only. */
export function activation(graph: Graph, x: Tensor, ranges: Tensor, kind: Activation): Tensor {
  const y = graph.tensor(`${kind.type}(${x.name})`, x.shape);
  graph.append('activation', [x, kind.type === 'quantize' ? ranges : null], [y], { activation: kind });
  return y;
}

/** The two reductions of a quantizer's row, a view of the storage `sums`; none for other activations. */
export function sumsOf(graph: Graph, sums: Tensor, kind: Activation | null): Tensor[] {
  return kind?.type === 'quantize' ? sumsOfRow(graph, sums, kind.row) : [];
}

export function sumsOfRow(graph: Graph, sums: Tensor, row: number): Tensor[] {
  if (!sums.view) return [];
  const view = { storage: sums.view.storage, offset: sums.view.offset + 2 * row };
  return [graph.tensor(`sums[${row}]`, [2], view)];
}

export const activationGradient: GradientRule<'activation'> = (graph, node, [dy], sums) => {
  if (!dy) return [null, null];
  const x = operand(node, 0);
  const dx = gradientLike(graph, x);
  const { activation: kind } = node.attributes;
  graph.append(
    'activationGradient',
    [x, node.inputs[1] ?? null, dy],
    [dx, ...sumsOf(graph, sums, kind)],
    node.attributes,
  );
  return [dx, null];
};
