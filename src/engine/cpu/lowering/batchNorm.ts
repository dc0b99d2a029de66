/** Batch normalization with shortcut and activation: one pass forward, two and a small sum backward. */
import type { Node } from '../../../graph/graph.js';
import { dimension, elementCount, type Tensor } from '../../../graph/tensor.js';
import { operand, optionalOperand, optionalResult, result } from '../../operands.js';
import type { Argument, Lowering, LoweringContext } from '../lowered.js';
import { activationKind, rangeAddress } from './activationKind.js';
import { rowsPerChunk } from './chunks.js';

export const lowerBatchStatistics: Lowering<'batchStatistics'> = (node, context) => {
  const { count, epsilon, decay } = node.attributes;
  const mean = operand(node, 1);
  const addresses = [operand(node, 0), mean, operand(node, 2), result(node, 0)].map(context.address);
  const args = [...addresses, elementCount(mean.shape), { float: epsilon }, { float: decay }, count];
  return [{ kernel: 'batchStatistics', chunks: 1, args }];
};

export const lowerRunningStatistics: Lowering<'runningStatistics'> = (node, context) => {
  const mean = operand(node, 0);
  const addresses = [mean, operand(node, 1), result(node, 0)].map(context.address);
  const args = [...addresses, elementCount(mean.shape), { float: node.attributes.epsilon }];
  return [{ kernel: 'runningStatistics', chunks: 1, args }];
};

export const lowerBatchNorm: Lowering<'batchNorm'> = (node, context) => {
  const { chunks, args } = normalization(node, context);
  return [{ kernel: `batchNorm${activationKind(node.attributes.activation)}`, chunks, args }];
};

export const lowerBatchNormGradientReduce: Lowering<'batchNormGradientReduce'> = (node, context) => {
  const { chunks, channels, args } = normalization(node, context);
  const paddedChannels = Math.ceil(channels / 4) * 4;
  const sumsOfChunks = context.scratch(chunks * (2 * paddedChannels + 4) * 4);
  const sums = optionalResult(node, 3);
  return [
    {
      kernel: `batchNormGradientReduce${activationKind(node.attributes.activation)}`,
      chunks,
      args: [...args, context.address(operand(node, 6)), sumsOfChunks],
    },
    {
      kernel: 'batchNormGradientFinish',
      chunks: 1,
      args: [
        ...[sumsOfChunks, chunks, channels],
        ...[operand(node, 1), result(node, 1), result(node, 2)].map(context.address),
        sums ? context.address(sums) : 0,
      ],
    },
  ];
};

export const lowerBatchNormGradientApply: Lowering<'batchNormGradientApply'> = (node, context) => {
  const { channels, rows, chunks, perChunk } = rowChunks(operand(node, 1));
  const coefficients = context.workerScratch(Math.ceil(channels / 4) * 64);
  const tensors = [0, 1, 2, 3, 4, 5].map((position) => operand(node, position));
  return [
    {
      kernel: 'batchNormGradientApply',
      chunks,
      args: [
        ...[...tensors, result(node, 0)].map(context.address),
        ...[rows, channels, perChunk, coefficients.base, coefficients.stride],
      ],
    },
  ];
};

/** The arguments that normalization and its reduction share. */
function normalization(
  node: Node<'batchNorm'> | Node<'batchNormGradientReduce'>,
  context: LoweringContext,
): { chunks: number; channels: number; args: Argument[] } {
  const x = operand(node, 0);
  const { channels, rows, chunks, perChunk } = rowChunks(x);
  const shortcut = optionalOperand(node, 4);
  const coefficients = context.workerScratch(Math.ceil(channels / 4) * 48);
  const args = [
    ...[x, operand(node, 1), operand(node, 2), operand(node, 3)].map(context.address),
    shortcut ? context.address(shortcut) : 0,
    rangeAddress(node.attributes.activation, optionalOperand(node, 5), context),
    context.address(result(node, 0)),
    ...[rows, channels, perChunk, coefficients.base, coefficients.stride],
  ];
  return { chunks, channels, args };
}

function rowChunks(x: Tensor): { channels: number; rows: number; chunks: number; perChunk: number } {
  const channels = dimension(x, x.shape.length - 1);
  const rows = elementCount(x.shape) / channels;
  const perChunk = rowsPerChunk(channels);
  return { channels, rows, chunks: Math.ceil(rows / perChunk), perChunk };
}
