/** Fetching a batch: a chunk is an image. */
import { nhwc } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';

export const lowerGatherBatch: Lowering<'gatherBatch'> = (node, context) => {
  const { scale, offset } = node.attributes;
  const x = result(node, 0);
  const [batch, height, width, channels] = nhwc(x);
  return [
    {
      kernel: 'gatherBatch',
      chunks: batch,
      args: {
        images: context.address(operand(node, 0)),
        labels: context.address(operand(node, 1)),
        table: context.address(operand(node, 2)),
        position: context.address(operand(node, 3)),
        x: context.address(x),
        y: context.address(result(node, 1)),
        ...{ batch, height, width, channels },
      },
      tables: scale.map((factor, channel) => ({ scale: { float: factor }, offset: { float: offset[channel]! } })),
    },
  ];
};
