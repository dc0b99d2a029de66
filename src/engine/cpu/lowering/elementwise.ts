/** Sums of two tensors, and products with a learned factor. */
import { elementCount } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import type { KernelCall, Lowering } from '../lowered.js';
import { elementArguments, elementChunks } from './chunks.js';

export const lowerAdd: Lowering<'add'> = (node, context) => {
  const a = operand(node, 0);
  const elements = elementCount(a.shape);
  const args = {
    ...elementArguments(elements),
    a: context.address(a),
    b: context.address(operand(node, 1)),
    sum: context.address(result(node, 0)),
  };
  return [{ kernel: 'add', chunks: elementChunks(elements), args }];
};

export const lowerScale: Lowering<'scale'> = (node, context) => {
  const x = operand(node, 0);
  const elements = elementCount(x.shape);
  const args = {
    ...elementArguments(elements),
    x: context.address(x),
    factor: context.address(operand(node, 1)),
    y: context.address(result(node, 0)),
  };
  return [{ kernel: 'scale', chunks: elementChunks(elements), args }];
};

export const lowerScaleGradient: Lowering<'scaleGradient'> = (node, context) => {
  const x = operand(node, 0);
  const elements = elementCount(x.shape);
  const chunks = elementChunks(elements);
  const sums = context.scratch(chunks * 4);
  const args = {
    ...elementArguments(elements),
    x: context.address(x),
    factor: context.address(operand(node, 1)),
    dy: context.address(operand(node, 2)),
    dx: context.address(result(node, 0)),
    sums,
  };
  return [{ kernel: 'scaleGradient', chunks, args }, sumRows(sums, chunks, 1, context.address(result(node, 1)))];
};

/** Adds `count` rows of `length` floats at an address into those at another. */
export function sumRows(rows: number, count: number, length: number, sum: number): KernelCall {
  return { kernel: 'sumRows', chunks: 1, args: { rows, count, length, sum } };
}
