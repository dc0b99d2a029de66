/** Lowering of activations. */
import { elementCount } from '../../../graph/tensor.js';
import type { LoweredCall, Lowering } from '../lowered.js';
import { activationKind, rangeAddress } from './activationKind.js';
import { elementArguments, elementChunks } from './chunks.js';
import { sumRows } from './elementwise.js';

export const activation: Lowering<'activation'> = (node, context) => {
  const { activation } = node.attributes;
  const { x } = node.operands;
  const elements = elementCount(x.shape);
  const range = rangeAddress(activation, node.operands.ranges, context);
  return [
    {
      kernel: `activation${activationKind(activation)}`,
      chunks: elementChunks(elements),
      args: { ...elementArguments(elements), x: context.address(x), y: context.address(node.results.y), range },
    },
  ];
};

export const activationGradient: Lowering<'activationGradient'> = (node, context) => {
  const { activation } = node.attributes;
  const { x } = node.operands;
  const elements = elementCount(x.shape);
  const chunks = elementChunks(elements);
  const range = rangeAddress(activation, node.operands.ranges, context);
  const sumsOfChunks = context.scratch(chunks * 8);
  const calls: LoweredCall[] = [
    {
      kernel: `activationGradient${activationKind(activation)}`,
      chunks,
      args: {
        ...elementArguments(elements),
        x: context.address(x),
        dy: context.address(node.operands.dy),
        dx: context.address(node.results.dx),
        range,
        sums: sumsOfChunks,
      },
    },
  ];
  const { sums } = node.results;
  if (sums) calls.push(sumRows(sumsOfChunks, chunks, 2, context.address(sums)));
  return calls;
};
