/**
 * Grouped convolution, y's group g from x's group g: dense convolutions side by side. As many groups as channels are a
 * depthwise convolution, which has kernels of its own.
 */

import { InputError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import { dimension, type Tensor } from '../graph/tensor.js';
import { concat } from './concat.js';
import { conv2d } from './convolution.js';
import type { ConvolutionResult } from './moments.js';
import { groupsFault } from './shuffleChannels.js';
import { slice } from './slice.js';
import type { WindowOptions } from './window.js';

/** x [B,H,W,I] by w [K,L,I/groups,O]; `withMoments` as in `conv2d`. */
export function groupedConv2d(
  graph: Graph,
  x: Tensor,
  w: Tensor,
  groups: number,
  options: WindowOptions,
  withMoments: boolean,
): ConvolutionResult {
  const [inputs, outputs] = [dimension(x, 3), dimension(w, 3)];
  const fault = groupsFault(groups, inputs) ?? groupsFault(groups, outputs);
  if (fault) throw new InputError(`convolution ${w.name}: ${fault}`);
  const parts = Array.from({ length: groups }, (_, group) => {
    const [taken, made] = [inputs / groups, outputs / groups];
    const weights = slice(graph, w, group * made, made);
    return conv2d(graph, slice(graph, x, group * taken, taken), weights, options, withMoments);
  });
  return {
    y: concat(
      graph,
      parts.map(({ y }) => y),
    ),
    moments: withMoments
      ? concat(
          graph,
          parts.map(({ moments }) => moments!),
        )
      : null,
  };
}
