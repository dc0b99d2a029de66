/** A weight through its quantizer, with a step for each channel of its last axis. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { sumsOfRow } from './activation.js';
import type { ChannelQuantization } from './attributes.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/** `ranges`: effective ranges of all quantizers, [Q, 2]; `exponents`: of the channels of x [..., C], [C]. */
export function quantizeChannels(
  graph: Graph,
  x: Tensor,
  ranges: Tensor,
  exponents: Tensor,
  quantization: ChannelQuantization,
): Tensor {
  const y = graph.tensor(`quantize(${x.name})`, x.shape);
  graph.append('quantizeChannels', [x, ranges, exponents], [y], quantization);
  return y;
}

export const quantizeChannelsGradient: GradientRule<'quantizeChannels'> = (graph, node, [dy], sums) => {
  if (!dy) return [null, null, null];
  const [x, ranges, exponents] = [operand(node, 0), operand(node, 1), operand(node, 2)];
  const [dx, dexponents] = [gradientLike(graph, x), gradientLike(graph, exponents)];
  const { attributes } = node;
  const results = [dx, dexponents, ...sumsOfRow(graph, sums, attributes.row)];
  graph.append('quantizeChannelsGradient', [x, ranges, exponents, dy], results, attributes);
  return [dx, null, dexponents];
};
