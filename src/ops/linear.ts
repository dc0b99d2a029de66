/** The classifier: a fully connected layer with bias, and the learned factor on its output. */

import type { Graph } from '../graph/graph.js';
import { dimension, type Tensor } from '../graph/tensor.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/** y = x·w + b for x [B,I], w [I,O], b [O]. */
export function linear(graph: Graph, x: Tensor, w: Tensor, b: Tensor): Tensor {
  const y = graph.tensor(`linear(${w.name})`, [dimension(x, 0), dimension(w, 1)]);
  graph.append('linear', [x, w, b], [y], {});
  return y;
}

export const linearGradient: GradientRule<'linear'> = (graph, node, [dy]) => {
  if (!dy) return [null, null, null];
  const [x, w, b] = [operand(node, 0), operand(node, 1), operand(node, 2)];
  const [dw, db] = [gradientLike(graph, w), gradientLike(graph, b)];
  graph.append('linearWeightGradient', [x, dy], [dw, db], {});
  const dx = gradientLike(graph, x);
  graph.append('linearInputGradient', [dy, w], [dx], {});
  return [dx, dw, db];
};

/** y = factor·x for a factor of one element. */
export function scale(graph: Graph, x: Tensor, factor: Tensor): Tensor {
  const y = graph.tensor(`scale(${x.name})`, x.shape);
  graph.append('scale', [x, factor], [y], {});
  return y;
}

export const scaleGradient: GradientRule<'scale'> = (graph, node, [dy]) => {
  if (!dy) return [null, null];
  const [x, factor] = [operand(node, 0), operand(node, 1)];
  const [dx, dfactor] = [gradientLike(graph, x), gradientLike(graph, factor)];
  graph.append('scaleGradient', [x, factor, dy], [dx, dfactor], {});
  return [dx, dfactor];
};
