/** 2-D convolution (cross-correlation), NHWC with HWIO weights, the same padding on all sides, no bias. */

import type { Graph } from '../graph/graph.js';
import { dimension, nhwc, type Tensor } from '../graph/tensor.js';
import type { Window } from './attributes.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/** Size of the output along one axis. */
export function windowedSize(input: number, window: number, { stride, padding }: Window): number {
  return Math.floor((input + 2 * padding - window) / stride) + 1;
}

/** Either convolution, which leaves `channels` channels, and its moments if wanted. */
export function appendConvolution(
  graph: Graph,
  op: 'conv2d' | 'depthwiseConv2d',
  [x, w]: readonly [Tensor, Tensor],
  channels: number,
  window: Window,
  withMoments: boolean,
): { y: Tensor; moments: Tensor | null } {
  const [batch, height, width] = nhwc(x);
  const y = graph.tensor(`${op === 'conv2d' ? 'conv' : 'depthwise'}(${w.name})`, [
    batch,
    windowedSize(height, dimension(w, 0), window),
    windowedSize(width, dimension(w, 1), window),
    channels,
  ]);
  const moments = withMoments ? graph.tensor(`moments(${w.name})`, [2, channels]) : null;
  graph.append(op, [x, w], moments ? [y, moments] : [y], window);
  return { y, moments };
}

/** `withMoments`: also gather mean and biased variance of every output channel, [2, O], in the same pass. */
export function conv2d(
  graph: Graph,
  x: Tensor,
  w: Tensor,
  window: Window,
  withMoments: boolean,
): { y: Tensor; moments: Tensor | null } {
  const channels = dimension(x, 3);
  const [, , inputs, outputs] = nhwc(w);
  if (inputs !== channels) throw new Error(`${w.name} wants ${inputs} channels, ${x.name} has ${channels}`);
  return appendConvolution(graph, 'conv2d', [x, w], outputs, window, withMoments);
}

export const convolutionGradient: GradientRule<'conv2d' | 'depthwiseConv2d'> = (graph, node, [dy]) => {
  if (!dy) return [null, null];
  const [x, w] = [operand(node, 0), operand(node, 1)];
  const dw = gradientLike(graph, w);
  graph.append(`${node.op}WeightGradient`, [x, dy], [dw], node.attributes);
  const dx = gradientLike(graph, x);
  graph.append(`${node.op}InputGradient`, [dy, w, null], [dx], node.attributes);
  return [dx, dw];
};
