/** Fetching a batch: a chunk is an image. */
import { dimension, elementCount, nhwc } from '../../../graph/tensor.js';
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

export const gatherTargets: Lowering<'gatherTargets'> = (node, context) => {
  const { y } = node.results;
  const batch = dimension(y, 0);
  const args = {
    targets: context.address(node.operands.targets),
    table: context.address(node.operands.batchTable),
    position: context.address(node.operands.position),
    y: context.address(y),
    ...{ batch, length: elementCount(y.shape) / batch },
  };
  return [{ kernel: y.dtype === 'int32' ? 'gatherTargets' : 'gatherFloatTargets', chunks: batch, args }];
};
