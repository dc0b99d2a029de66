/** Batch normalization with shortcut and activation: one pass forward, two and a small sum backward. */
import type { Node } from '../../../graph/graph.js';
import { dimension, elementCount, type Tensor } from '../../../graph/tensor.js';
import { operand, optionalOperand, optionalResult, result } from '../../operands.js';
import type { ArgumentBlock, Lowering, LoweringContext } from '../lowered.js';
import { activationKind, rangeAddress } from './activationKind.js';
import { rowsPerChunk } from './chunks.js';

export const lowerBatchStatistics: Lowering<'batchStatistics'> = (node, context) => {
  const { count, epsilon, decay } = node.attributes;
  const mean = operand(node, 1);
  const args = {
    moments: context.address(operand(node, 0)),
    runningMean: context.address(mean),
    runningVariance: context.address(operand(node, 2)),
    statistics: context.address(result(node, 0)),
    channels: elementCount(mean.shape),
    epsilon: { float: epsilon },
    decay: { float: decay },
    count,
  };
  return [{ kernel: 'batchStatistics', chunks: 1, args }];
};

export const lowerRunningStatistics: Lowering<'runningStatistics'> = (node, context) => {
  const mean = operand(node, 0);
  const args = {
    runningMean: context.address(mean),
    runningVariance: context.address(operand(node, 1)),
    statistics: context.address(result(node, 0)),
    channels: elementCount(mean.shape),
    epsilon: { float: node.attributes.epsilon },
  };
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
      args: { ...args, dy: context.address(operand(node, 6)), sums: sumsOfChunks },
    },
    {
      kernel: 'batchNormGradientFinish',
      chunks: 1,
      args: {
        partial: sumsOfChunks,
        chunks,
        channels,
        statistics: context.address(operand(node, 1)),
        dgamma: context.address(result(node, 1)),
        dbeta: context.address(result(node, 2)),
        sums: sums ? context.address(sums) : 0,
      },
    },
  ];
};

export const lowerBatchNormGradientApply: Lowering<'batchNormGradientApply'> = (node, context) => {
  const { chunks, args } = rowArguments(operand(node, 1), 64, context);
  return [
    {
      kernel: 'batchNormGradientApply',
      chunks,
      args: {
        ...args,
        dz: context.address(operand(node, 0)),
        x: context.address(operand(node, 1)),
        statistics: context.address(operand(node, 2)),
        gamma: context.address(operand(node, 3)),
        dgamma: context.address(operand(node, 4)),
        dbeta: context.address(operand(node, 5)),
        dx: context.address(result(node, 0)),
      },
    },
  ];
};

/** The arguments that normalization and its reduction share. */
function normalization(
  node: Node<'batchNorm'> | Node<'batchNormGradientReduce'>,
  context: LoweringContext,
): { chunks: number; channels: number; args: ArgumentBlock } {
  const x = operand(node, 0);
  const { channels, chunks, args } = rowArguments(x, 48, context);
  const shortcut = optionalOperand(node, 4);
  return {
    ...{ chunks, channels },
    args: {
      ...args,
      x: context.address(x),
      statistics: context.address(operand(node, 1)),
      gamma: context.address(operand(node, 2)),
      beta: context.address(operand(node, 3)),
      shortcut: shortcut ? context.address(shortcut) : 0,
      range: rangeAddress(node.attributes.activation, optionalOperand(node, 5), context),
      result: context.address(result(node, 0)),
    },
  };
}

/** How rows of channels are cut; a worker's coefficients take `vectorBytes` for each four channels. */
function rowArguments(
  x: Tensor,
  vectorBytes: number,
  context: LoweringContext,
): { channels: number; chunks: number; args: ArgumentBlock } {
  const channels = dimension(x, x.shape.length - 1);
  const rows = elementCount(x.shape) / channels;
  const perChunk = rowsPerChunk(channels);
  const { base, stride } = context.workerScratch(Math.ceil(channels / 4) * vectorBytes);
  const args = { rows, channels, rowsPerChunk: perChunk, coefficients: base, coefficientsStride: stride };
  return { channels, chunks: Math.ceil(rows / perChunk), args };
}
