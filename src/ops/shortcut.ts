/** What residual networks need: the sum, and the parameter-free shortcut that takes every s-th pixel. */

import type { Graph } from '../graph/graph.js';
import { nhwc, type Tensor } from '../graph/tensor.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

export function add(graph: Graph, a: Tensor, b: Tensor): Tensor {
  if (a.shape.join() !== b.shape.join()) throw new Error(`cannot add [${a.shape}] and [${b.shape}]`);
  const y = graph.tensor(`sum(${a.name})`, a.shape);
  graph.append('add', [a, b], [y], {});
  return y;
}

export const addGradient: GradientRule<'add'> = (_graph, _node, [dy]) => [dy ?? null, dy ?? null];

/** Every `stride`-th pixel, with `extraChannels` zero channels appended. */
export function subsample(graph: Graph, x: Tensor, stride: number, extraChannels: number): Tensor {
  const [batch, height, width, channels] = nhwc(x);
  const shape = [batch, Math.ceil(height / stride), Math.ceil(width / stride), channels + extraChannels];
  const y = graph.tensor(`subsample(${x.name})`, shape);
  graph.append('subsample', [x], [y], { stride, extraChannels });
  return y;
}

export const subsampleGradient: GradientRule<'subsample'> = (graph, node, [dy]) => {
  if (!dy) return [null];
  const dx = gradientLike(graph, operand(node, 0));
  graph.append('subsampleGradient', [dy], [dx], node.attributes);
  return [dx];
};
