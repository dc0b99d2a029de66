/** Activations on their own. */
import { elementCount } from '../../../graph/tensor.js';
import { operand, optionalOperand, optionalResult, result } from '../../operands.js';
import type { LoweredCall, Lowering } from '../lowered.js';
import { activationKind, rangeAddress } from './activationKind.js';
import { elementArguments, elementChunks } from './chunks.js';
import { sumRows } from './elementwise.js';

export const lowerActivation: Lowering<'activation'> = (node, context) => {
  const { activation } = node.attributes;
  const x = operand(node, 0);
  const elements = elementCount(x.shape);
  const range = rangeAddress(activation, optionalOperand(node, 1), context);
  return [
    {
      kernel: `activation${activationKind(activation)}`,
      chunks: elementChunks(elements),
      args: { ...elementArguments(elements), x: context.address(x), y: context.address(result(node, 0)), range },
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
  const calls: LoweredCall[] = [
    {
      kernel: `activationGradient${activationKind(activation)}`,
      chunks,
      args: {
        ...elementArguments(elements),
        x: context.address(x),
        dy: context.address(operand(node, 2)),
        dx: context.address(result(node, 0)),
        range,
        sums: sumsOfChunks,
      },
    },
  ];
  const sums = optionalResult(node, 1);
  if (sums) calls.push(sumRows(sumsOfChunks, chunks, 2, context.address(sums)));
  return calls;
};
