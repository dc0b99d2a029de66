/** Quantization of weights with a step for each channel. */
import type { Node } from '../../../graph/graph.js';
import { dimension } from '../../../graph/tensor.js';
import { exponentLimits } from '../../../quant/index.js';
import type { Lowering, LoweringContext } from '../lowered.js';
import { coreNames } from './activationKind.js';
import { channelRows } from './chunks.js';

export const quantizeChannels: Lowering<'quantizeChannels'> = (node, context) => {
  const { chunks, quantizer, rows } = describe(node, context);
  const [x, y] = [node.operands.x, node.results.y].map(context.address) as [number, number];
  return [
    { kernel: `quantizeChannels${coreNames[node.attributes.core]}`, chunks, args: { ...quantizer, ...rows, x, y } },
  ];
};

export const quantizeChannelsGradient: Lowering<'quantizeChannelsGradient'> = (node, context) => {
  const { chunks, quantizer, rows } = describe(node, context);
  const sums = context.scratch(chunks * 2 * quantizer.channels * 4);
  const tensors = {
    x: context.address(node.operands.x),
    dy: context.address(node.operands.dy),
    dx: context.address(node.results.dx),
  };
  const results = { dexponents: context.address(node.results.dexponents), totals: context.address(node.results.sums) };
  return [
    {
      kernel: `quantizeChannelsGradient${coreNames[node.attributes.core]}`,
      chunks,
      args: { ...quantizer, ...rows, ...tensors, sums },
    },
    { kernel: 'finishChannelSums', chunks: 1, args: { ...quantizer, sums, chunks, ...results } },
  ];
};

/** The arguments common to all kernels, and the division of rows of channels. */
function describe(node: Node<'quantizeChannels' | 'quantizeChannelsGradient'>, context: LoweringContext) {
  const { exponents } = node.operands;
  const channels = dimension(exponents, 0);
  const { chunks, args: rows } = channelRows(node.operands.x);
  return {
    chunks,
    rows,
    quantizer: {
      range: context.address(node.operands.ranges) + 8 * node.attributes.row,
      exponents: context.address(exponents),
      lowest: { float: exponentLimits.min },
      highest: { float: exponentLimits.max },
      channels,
    },
  };
}
