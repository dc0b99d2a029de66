/**
 * Depthwise 2-D convolution: every channel has a filter of its own and meets no other channel. An operation of its own,
 * since it is bound by memory where a convolution is bound by arithmetic.
 */

import type { Graph } from '../graph/graph.js';
import { dimension, nhwc, type Tensor } from '../graph/tensor.js';
import type { Window } from './attributes.js';
import { windowedSize } from './convolution.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/**
 * x [B,H,W,C] by w [kh,kw,C]. `withMoments`: also gather mean and biased variance of every channel, [2, C], in the same
 * pass.
 */
export function depthwiseConv2d(
  graph: Graph,
  x: Tensor,
  w: Tensor,
  window: Window,
  withMoments: boolean,
): { y: Tensor; moments: Tensor | null } {
  const [batch, height, width, channels] = nhwc(x);
  const [kernelHeight, kernelWidth, filters] = [dimension(w, 0), dimension(w, 1), dimension(w, 2)];
  if (filters !== channels) throw new Error(`${w.name} has ${filters} filters, ${x.name} has ${channels} channels`);
  const y = graph.tensor(`depthwise(${w.name})`, [
    batch,
    windowedSize(height, kernelHeight, window),
    windowedSize(width, kernelWidth, window),
    channels,
  ]);
  const moments = withMoments ? graph.tensor(`moments(${w.name})`, [2, channels]) : null;
  graph.append('depthwiseConv2d', [x, w], moments ? [y, moments] : [y], window);
  return { y, moments };
}

export const depthwiseConv2dGradient: GradientRule<'depthwiseConv2d'> = (graph, node, [dy]) => {
  if (!dy) return [null, null];
  const [x, w] = [operand(node, 0), operand(node, 1)];
  const dw = gradientLike(graph, w);
  graph.append('depthwiseConv2dWeightGradient', [x, dy], [dw], node.attributes);
  const dx = gradientLike(graph, x);
  graph.append('depthwiseConv2dInputGradient', [dy, w, null], [dx], node.attributes);
  return [dx, dw];
};
