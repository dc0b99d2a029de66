/** Fetching a batch: a chunk is an image. */
import { nhwc } from '../../../graph/tensor.js';
import type { Lowering } from '../lowered.js';

export const gatherBatch: Lowering<'gatherBatch'> = (node, context) => {
  const { scale, offset } = node.attributes;
  const { x } = node.results;
  const [batch, height, width, channels] = nhwc(x);
  return [
    {
      kernel: node.operands.images.dtype === 'uint8' ? 'gatherBatch' : 'gatherFloatBatch',
      chunks: batch,
      args: {
        images: context.address(node.operands.images),
        labels: context.address(node.operands.labels),
        table: context.address(node.operands.batchTable),
        position: context.address(node.operands.position),
        x: context.address(x),
        y: context.address(node.results.y),
        ...{ batch, height, width, channels },
      },
      tables: scale.map((factor, channel) => ({ scale: { float: factor }, offset: { float: offset[channel]! } })),
    },
  ];
};
