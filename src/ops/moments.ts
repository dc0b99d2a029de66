/**
 * Moments of a tensor: mean and biased variance of each channel, in two passes. A convolution can compute those of its
 * result in the same pass; for other tensors they are an operation of their own.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';

export interface ConvolutionResult {
  readonly y: Tensor;
  /** [2, channels]. */
  readonly moments: Tensor | null;
}

/** Writes the means of y's channels to `moments`, then their variances. */
export function momentsOf(y: Float64Array, channels: number, moments: Float64Array): void {
  const count = y.length / channels;
  moments.fill(0);
  for (let i = 0; i < y.length; i++) moments[i % channels]! += y[i]! / count;
  for (let i = 0; i < y.length; i++) {
    const c = i % channels;
    moments[channels + c]! += (y[i]! - moments[c]!) ** 2 / count;
  }
}

const signature = { operands: { x: '[...S,C]' }, results: { moments: '[2,C]' } } as const;

export type ChannelMoments = Operation<typeof signature, NoAttributes>;

/** Has no gradient: that of batch normalisation includes the moments. */
export const channelMomentsDefinition: Definition<ChannelMoments> = {
  op: 'channelMoments',
  ...signature,
  gradient: 'none',
  compute: ({ x }, { moments }, _attributes, { C }) => momentsOf(x, C, moments),
};

/** The moments of a tensor that is no convolution's result, [2, C]. */
export function channelMoments(graph: Graph, x: Tensor): Tensor {
  const moments = graph.tensor(`moments(${x.name})`, resultShapes(channelMomentsDefinition, { x }, {}).moments);
  graph.append('channelMoments', { x }, { moments }, {});
  return moments;
}
