/** Pooling and subsampling, each with its gradient, which has the same arguments: a chunk is an image. */
import type { Node } from '../../../graph/graph.js';
import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { KernelCall, Lowering, LoweringContext } from '../lowered.js';

export const globalAveragePool: Lowering<'globalAveragePool'> = (node, context) =>
  average(node, node.operands.x, node.results.y, context);

export const globalAveragePoolGradient: Lowering<'globalAveragePoolGradient'> = (node, context) =>
  average(node, node.results.dx, node.operands.dy, context);

function average(
  { op }: Node<'globalAveragePool' | 'globalAveragePoolGradient'>,
  x: Tensor,
  y: Tensor,
  { address }: LoweringContext,
): KernelCall[] {
  const [batch, height, width, channels] = nhwc(x);
  return [{ kernel: op, chunks: batch, args: { x: address(x), y: address(y), pixels: height * width, channels } }];
}

export const maxPool: Lowering<'maxPool'> = (node, context) => {
  const { argmax } = node.results;
  return windowed(node, node.operands.x, node.results.y, { argmax, countsPadding: false }, context);
};

export const maxPoolGradient: Lowering<'maxPoolGradient'> = (node, context) => {
  const { argmax } = node.operands;
  return windowed(node, node.results.dx, node.operands.dy, { argmax, countsPadding: false }, context);
};

export const averagePool: Lowering<'averagePool'> = (node, context) => {
  const { countsPadding } = node.attributes;
  return windowed(node, node.operands.x, node.results.y, { argmax: null, countsPadding }, context);
};

export const averagePoolGradient: Lowering<'averagePoolGradient'> = (node, context) => {
  const { countsPadding } = node.attributes;
  return windowed(node, node.results.dx, node.operands.dy, { argmax: null, countsPadding }, context);
};

function windowed(
  { op, attributes }: Node<'maxPool' | 'maxPoolGradient' | 'averagePool' | 'averagePoolGradient'>,
  x: Tensor,
  y: Tensor,
  { argmax, countsPadding }: { readonly argmax: Tensor | null; readonly countsPadding: boolean },
  { address }: LoweringContext,
): KernelCall[] {
  const { rows, columns } = attributes;
  const [batch, height, width, channels] = nhwc(x);
  const [, outHeight, outWidth] = nhwc(y);
  const args = {
    ...{ x: address(x), y: address(y), argmax: argmax ? address(argmax) : 0 },
    ...{ height, width, channels, outHeight, outWidth },
    ...{ tapRows: rows.size, rowStride: rows.stride, rowDilation: rows.dilation, top: -rows.before },
    ...{ tapColumns: columns.size, columnStride: columns.stride, columnDilation: columns.dilation },
    ...{ left: -columns.before, countsPadding: countsPadding ? 1 : 0 },
  };
  return [{ kernel: op, chunks: batch, args }];
}

export const subsample: Lowering<'subsample'> = (node, context) =>
  sampled(node, node.operands.x, node.results.y, context);

export const subsampleGradient: Lowering<'subsampleGradient'> = (node, context) =>
  sampled(node, node.results.dx, node.operands.dy, context);

function sampled(
  { op, attributes }: Node<'subsample' | 'subsampleGradient'>,
  x: Tensor,
  y: Tensor,
  { address }: LoweringContext,
): KernelCall[] {
  const [batch, height, width, channels] = nhwc(x);
  const { stride, learning = channels } = attributes;
  const [, outHeight, outWidth, outChannels] = nhwc(y);
  const shape = { height, width, channels, outHeight, outWidth, outChannels };
  return [{ kernel: op, chunks: batch, args: { x: address(x), y: address(y), ...shape, stride, learning } }];
}
