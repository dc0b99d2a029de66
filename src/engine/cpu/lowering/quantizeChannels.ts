/** Weights through their quantizer, a step for each channel. */
import type { Node } from '../../../graph/graph.js';
import { dimension, elementCount } from '../../../graph/tensor.js';
import { exponentLimits } from '../../../quant/index.js';
import { operand, result } from '../../operands.js';
import type { Lowering, LoweringContext } from '../lowered.js';
import { coreNames } from './activationKind.js';
import { rowsPerChunk } from './chunks.js';

export const lowerQuantizeChannels: Lowering<'quantizeChannels'> = (node, context) => {
  const { chunks, quantizer, rows } = describe(node, context);
  const [x, y] = [operand(node, 0), result(node, 0)].map(context.address) as [number, number];
  return [
    { kernel: `quantizeChannels${coreNames[node.attributes.core]}`, chunks, args: { ...quantizer, ...rows, x, y } },
  ];
};

export const lowerQuantizeChannelsGradient: Lowering<'quantizeChannelsGradient'> = (node, context) => {
  const { chunks, quantizer, rows } = describe(node, context);
  const sums = context.scratch(chunks * 2 * quantizer.channels * 4);
  const tensors = {
    x: context.address(operand(node, 0)),
    dy: context.address(operand(node, 3)),
    dx: context.address(result(node, 0)),
  };
  const results = { dexponents: context.address(result(node, 1)), totals: context.address(result(node, 2)) };
  return [
    {
      kernel: `quantizeChannelsGradient${coreNames[node.attributes.core]}`,
      chunks,
      args: { ...quantizer, ...rows, ...tensors, sums },
    },
    { kernel: 'finishChannelSums', chunks: 1, args: { ...quantizer, sums, chunks, ...results } },
  ];
};

/** The arguments that all kernels have, and how rows of channels are cut. */
function describe(node: Node<'quantizeChannels' | 'quantizeChannelsGradient'>, context: LoweringContext) {
  const exponents = operand(node, 2);
  const channels = dimension(exponents, 0);
  const count = elementCount(operand(node, 0).shape) / channels;
  const perChunk = rowsPerChunk(channels);
  return {
    chunks: Math.ceil(count / perChunk),
    quantizer: {
      range: context.address(operand(node, 1)) + 8 * node.attributes.row,
      exponents: context.address(exponents),
      lowest: { float: exponentLimits.min },
      highest: { float: exponentLimits.max },
      channels,
    },
    rows: { rows: count, rowsPerChunk: perChunk },
  };
}
