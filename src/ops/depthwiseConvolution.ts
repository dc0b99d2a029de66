/**
 * Depthwise 2-D convolution: every channel has a filter of its own and meets no other channel. An operation of its own,
 * since it is bound by memory where a convolution is bound by arithmetic.
 */

import type { Graph } from '../graph/graph.js';
import { dimension, type Tensor } from '../graph/tensor.js';
import type { Window } from './attributes.js';
import { appendConvolution } from './convolution.js';

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
  const [channels, filters] = [dimension(x, 3), dimension(w, 2)];
  if (filters !== channels) throw new Error(`${w.name} has ${filters} filters, ${x.name} has ${channels} channels`);
  return appendConvolution(graph, 'depthwiseConv2d', [x, w], channels, window, withMoments);
}
