/** Activations on their own. */
import { elementCount } from '../../../graph/tensor.js';
import { operand, optionalOperand, optionalResult, result } from '../../operands.js';
import type { LoweredCall, Lowering } from '../lowered.js';
import { activationKind, rangeAddress } from './activationKind.js';
import { CHUNK_ELEMENTS, elementChunks } from './chunks.js';

export const lowerActivation: Lowering<'activation'> = (node, context) => {
  const { activation } = node.attributes;
  const x = operand(node, 0);
  const elements = elementCount(x.shape);
  const range = rangeAddress(activation, optionalOperand(node, 1), context);
  return [
    {
      kernel: `activation${activationKind(activation)}`,
      chunks: elementChunks(elements),
      args: [context.address(x), context.address(result(node, 0)), range, elements, CHUNK_ELEMENTS],
    },
  ];
};

export const lowerActivationGradient: Lowering<'activationGradient'> = (node, context) => {
  const { activation } = node.attributes;
  const x = operand(node, 0);
  const elements = elementCount(x.shape);
  const chunks = elementChunks(elements);
  const range = rangeAddress(activation, optionalOperand(node, 1), context);
  const sumsOfChunks = context.scratch(chunks * 8);
  const addresses = [x, operand(node, 2), result(node, 0)].map(context.address);
  const calls: LoweredCall[] = [
    {
      kernel: `activationGradient${activationKind(activation)}`,
      chunks,
      args: [...addresses, range, elements, CHUNK_ELEMENTS, sumsOfChunks],
    },
  ];
  const sums = optionalResult(node, 1);
  if (sums) calls.push({ kernel: 'sumRows', chunks: 1, args: [sumsOfChunks, chunks, 2, context.address(sums)] });
  return calls;
};
