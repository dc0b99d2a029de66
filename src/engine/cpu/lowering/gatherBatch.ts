/** Fetching a batch: a chunk is an image. */
import { nhwc } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';

export const lowerGatherBatch: Lowering<'gatherBatch'> = (node, context) => {
  const { scale, offset } = node.attributes;
  const x = result(node, 0);
  const [batch, height, width, channels] = nhwc(x);
  const tensors = [0, 1, 2, 3].map((position) => operand(node, position));
  return [
    {
      kernel: 'gatherBatch',
      chunks: batch,
      args: [
        ...[...tensors, x, result(node, 1)].map(context.address),
        ...[batch, height, width, channels],
        ...[...scale, ...offset].map((float) => ({ float })),
      ],
    },
  ];
};
