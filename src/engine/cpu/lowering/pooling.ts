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

export const maxPool: Lowering<'maxPool'> = (node, context) =>
  windowed(node, node.operands.x, node.results.y, node.results.argmax, context);

export const maxPoolGradient: Lowering<'maxPoolGradient'> = (node, context) =>
  windowed(node, node.results.dx, node.operands.dy, node.operands.argmax, context);

function windowed(
  { op, attributes }: Node<'maxPool' | 'maxPoolGradient' | 'averagePool' | 'averagePoolGradient'>,
  x: Tensor,
  y: Tensor,
  argmax: Tensor | null,
  { address }: LoweringContext,
): KernelCall[] {
  const { rows, columns } = attributes;
  const [batch, height, width, channels] = nhwc(x);
  const [, outHeight, outWidth] = nhwc(y);
  const addresses = { x: address(x), y: address(y), argmax: argmax ? address(argmax) : 0 };
  const args = {
    ...{ ...addresses, height, width, channels, outHeight, outWidth },
    ...{ tapRows: rows.size, rowStride: rows.stride, rowDilation: rows.dilation, top: -rows.before },
    ...{ tapColumns: columns.size, columnStride: columns.stride, columnDilation: columns.dilation },
    left: -columns.before,
  };
  return [{ kernel: op, chunks: batch, args }];
}

export const averagePool: Lowering<'averagePool'> = (node, context) =>
  windowed(node, node.operands.x, node.results.y, null, context);

export const averagePoolGradient: Lowering<'averagePoolGradient'> = (node, context) =>
  windowed(node, node.results.dx, node.operands.dy, null, context);

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
  const { stride } = attributes;
  const [batch, height, width, channels] = nhwc(x);
  const [, outHeight, outWidth, outChannels] = nhwc(y);
  const shape = { height, width, channels, outHeight, outWidth, outChannels };
  return [{ kernel: op, chunks: batch, args: { x: address(x), y: address(y), ...shape, stride } }];
}
