/** Pooling: the global average before a classifier, and the maximum over windows behind a stem. */

import type { Graph } from '../graph/graph.js';
import { nhwc, type Tensor } from '../graph/tensor.js';
import type { Window } from './attributes.js';
import { windowedSize } from './convolution.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/** Mean over all pixels: [B,H,W,C] → [B,C]. */
export function globalAveragePool(graph: Graph, x: Tensor): Tensor {
  const [batch, , , channels] = nhwc(x);
  const y = graph.tensor(`mean(${x.name})`, [batch, channels]);
  graph.append('globalAveragePool', [x], [y], {});
  return y;
}

export const globalAveragePoolGradient: GradientRule<'globalAveragePool'> = (graph, node, [dy]) => {
  if (!dy) return [null];
  const dx = gradientLike(graph, operand(node, 0));
  graph.append('globalAveragePoolGradient', [dy], [dx], {});
  return [dx];
};

/** `withArgmax`: also note where the maxima lie, in a byte each, which is all that the gradient needs. */
export function maxPool(
  graph: Graph,
  x: Tensor,
  options: Window & { readonly size: number },
  withArgmax: boolean,
): Tensor {
  const [batch, height, width, channels] = nhwc(x);
  const shape = [
    batch,
    windowedSize(height, options.size, options),
    windowedSize(width, options.size, options),
    channels,
  ];
  const y = graph.tensor(`max(${x.name})`, shape);
  const argmax = withArgmax ? [graph.tensor(`argmax(${x.name})`, shape, null, 'uint8')] : [];
  graph.append('maxPool', [x], [y, ...argmax], options);
  return y;
}

export const maxPoolGradient: GradientRule<'maxPool'> = (graph, node, [dy]) => {
  if (!dy) return [null];
  const dx = gradientLike(graph, operand(node, 0));
  graph.append('maxPoolGradient', [node.outputs[1] ?? null, dy], [dx], node.attributes);
  return [dx];
};
