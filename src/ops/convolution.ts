/** 2-D convolution (cross-correlation), NHWC with HWIO weights, the same padding on all sides, no bias. */

import type { Graph } from '../graph/graph.js';
import { nhwc, type Tensor } from '../graph/tensor.js';
import type { Window } from './attributes.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/** Size of the output along one axis. */
export function windowedSize(input: number, window: number, { stride, padding }: Window): number {
  return Math.floor((input + 2 * padding - window) / stride) + 1;
}

/** `withMoments`: also gather mean and biased variance of every output channel, [2, O], in the same pass. */
export function conv2d(
  graph: Graph,
  x: Tensor,
  w: Tensor,
  window: Window,
  withMoments: boolean,
): { y: Tensor; moments: Tensor | null } {
  const [batch, height, width, channels] = nhwc(x);
  const [kernelHeight, kernelWidth, inputs, outputs] = nhwc(w);
  if (inputs !== channels) throw new Error(`${w.name} wants ${inputs} channels, ${x.name} has ${channels}`);
  const y = graph.tensor(`conv(${w.name})`, [
    batch,
    windowedSize(height, kernelHeight, window),
    windowedSize(width, kernelWidth, window),
    outputs,
  ]);
  const moments = withMoments ? graph.tensor(`moments(${w.name})`, [2, outputs]) : null;
  graph.append('conv2d', [x, w], moments ? [y, moments] : [y], window);
  return { y, moments };
}

export const conv2dGradient: GradientRule<'conv2d'> = (graph, node, [dy]) => {
  if (!dy) return [null, null];
  const [x, w] = [operand(node, 0), operand(node, 1)];
  const dw = gradientLike(graph, w);
  graph.append('conv2dWeightGradient', [x, dy], [dw], node.attributes);
  const dx = gradientLike(graph, x);
  graph.append('conv2dInputGradient', [dy, w, null], [dx], node.attributes);
  return [dx, dw];
};
