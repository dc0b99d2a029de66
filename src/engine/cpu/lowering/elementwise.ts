/** Sums of two tensors, and products with a learned factor. */
import { elementCount } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { Lowering } from '../lowered.js';
import { CHUNK_ELEMENTS, elementChunks } from './chunks.js';

export const lowerAdd: Lowering<'add'> = (node, context) => {
  const a = operand(node, 0);
  const elements = elementCount(a.shape);
  const addresses = [a, operand(node, 1), result(node, 0)].map(context.address);
  return [{ kernel: 'add', chunks: elementChunks(elements), args: [...addresses, elements, CHUNK_ELEMENTS] }];
};

export const lowerScale: Lowering<'scale'> = (node, context) => {
  const x = operand(node, 0);
  const elements = elementCount(x.shape);
  const addresses = [x, operand(node, 1), result(node, 0)].map(context.address);
  return [{ kernel: 'scale', chunks: elementChunks(elements), args: [...addresses, elements, CHUNK_ELEMENTS] }];
};

export const lowerScaleGradient: Lowering<'scaleGradient'> = (node, context) => {
  const x = operand(node, 0);
  const elements = elementCount(x.shape);
  const chunks = elementChunks(elements);
  const sums = context.scratch(chunks * 4);
  const addresses = [x, operand(node, 1), operand(node, 2), result(node, 0)].map(context.address);
  return [
    { kernel: 'scaleGradient', chunks, args: [...addresses, elements, CHUNK_ELEMENTS, sums] },
    { kernel: 'sumRows', chunks: 1, args: [sums, chunks, 1, context.address(result(node, 1))] },
  ];
};
