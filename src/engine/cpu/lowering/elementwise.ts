/** Sums of two tensors, copies, and products with a learned factor. */
import type { Node } from '../../../graph/graph.js';
import { elementCount } from '../../../graph/tensor.js';
import type { KernelCall, Lowering, LoweringContext } from '../lowered.js';
import { elementArguments, elementChunks } from './chunks.js';

export const add: Lowering<'add'> = (node, context) => {
  const { a } = node.operands;
  const elements = elementCount(a.shape);
  const args = {
    ...elementArguments(elements),
    a: context.address(a),
    b: context.address(node.operands.b),
    sum: context.address(node.results.y),
  };
  return [{ kernel: 'add', chunks: elementChunks(elements), args }];
};

export const copy: Lowering<'copy'> = (node, context) => copied(node, context);

/** The same numbers in another shape. */
export const flatten: Lowering<'flatten'> = (node, context) => copied(node, context);

export const unflatten: Lowering<'unflatten'> = (node, context) => copied(node, context);

function copied(node: Node<'copy' | 'flatten' | 'unflatten'>, context: LoweringContext): KernelCall[] {
  const { x } = node.operands;
  const elements = elementCount(x.shape);
  const args = { ...elementArguments(elements), x: context.address(x), y: context.address(node.results.y) };
  return [{ kernel: 'copy', chunks: elementChunks(elements), args }];
}

export const scale: Lowering<'scale'> = (node, context) => {
  const { x } = node.operands;
  const elements = elementCount(x.shape);
  const args = {
    ...elementArguments(elements),
    x: context.address(x),
    factor: context.address(node.operands.factor),
    y: context.address(node.results.y),
  };
  return [{ kernel: 'scale', chunks: elementChunks(elements), args }];
};

export const scaleGradient: Lowering<'scaleGradient'> = (node, context) => {
  const { x } = node.operands;
  const elements = elementCount(x.shape);
  const chunks = elementChunks(elements);
  const sums = context.scratch(chunks * 4);
  const args = {
    ...elementArguments(elements),
    x: context.address(x),
    factor: context.address(node.operands.factor),
    dy: context.address(node.operands.dy),
    dx: context.address(node.results.dx),
    sums,
  };
  return [{ kernel: 'scaleGradient', chunks, args }, sumRows(sums, chunks, 1, context.address(node.results.dfactor))];
};

/** Adds `count` rows of `length` floats at an address into those at another. */
export function sumRows(rows: number, count: number, length: number, sum: number): KernelCall {
  return { kernel: 'sumRows', chunks: 1, args: { rows, count, length, sum } };
}
