/** Batch normalization with shortcut and activation: one pass forward, two and a small sum backward. */
import type { Node } from '../../../graph/graph.js';
import { channelsOf, elementCount, type Tensor } from '../../../graph/tensor.js';
import type { ArgumentBlock, Lowering, LoweringContext } from '../lowered.js';
import { activationKind, rangeAddress } from './activationKind.js';
import { channelRows } from './chunks.js';

export const batchStatistics: Lowering<'batchStatistics'> = (node, context) => {
  const { count, epsilon, decay } = node.attributes;
  const { runningMean: mean } = node.operands;
  const args = {
    moments: context.address(node.operands.moments),
    runningMean: context.address(mean),
    runningVariance: context.address(node.operands.runningVariance),
    statistics: context.address(node.results.statistics),
    channels: elementCount(mean.shape),
    epsilon: { float: epsilon },
    decay: { float: decay },
    count,
  };
  return [{ kernel: 'batchStatistics', chunks: 1, args }];
};

export const runningStatistics: Lowering<'runningStatistics'> = (node, context) => {
  const { runningMean: mean } = node.operands;
  const args = {
    runningMean: context.address(mean),
    runningVariance: context.address(node.operands.runningVariance),
    statistics: context.address(node.results.statistics),
    channels: elementCount(mean.shape),
    epsilon: { float: node.attributes.epsilon },
  };
  return [{ kernel: 'runningStatistics', chunks: 1, args }];
};

export const batchNorm: Lowering<'batchNorm'> = (node, context) => {
  const { chunks, args } = normalization(node, node.results.y, context);
  return [{ kernel: `batchNorm${activationKind(node.attributes.activation)}`, chunks, args }];
};

export const batchNormGradientReduce: Lowering<'batchNormGradientReduce'> = (node, context) => {
  const { chunks, channels, args } = normalization(node, node.results.dz, context);
  const paddedChannels = Math.ceil(channels / 4) * 4;
  const sumsOfChunks = context.scratch(chunks * (2 * paddedChannels + 4) * 4);
  const { sums } = node.results;
  return [
    {
      kernel: `batchNormGradientReduce${activationKind(node.attributes.activation)}`,
      chunks,
      args: { ...args, dy: context.address(node.operands.dy), sums: sumsOfChunks },
    },
    {
      kernel: 'batchNormGradientFinish',
      chunks: 1,
      args: {
        partial: sumsOfChunks,
        chunks,
        channels,
        statistics: context.address(node.operands.statistics),
        dgamma: context.address(node.results.dgamma),
        dbeta: context.address(node.results.dbeta),
        sums: sums ? context.address(sums) : 0,
      },
    },
  ];
};

export const batchNormGradientApply: Lowering<'batchNormGradientApply'> = (node, context) => {
  const { chunks, args } = rowArguments(node.operands.x, 64, context);
  return [
    {
      kernel: 'batchNormGradientApply',
      chunks,
      args: {
        ...args,
        dz: context.address(node.operands.dz),
        x: context.address(node.operands.x),
        statistics: context.address(node.operands.statistics),
        gamma: context.address(node.operands.gamma),
        dgamma: context.address(node.operands.dgamma),
        dbeta: context.address(node.operands.dbeta),
        dx: context.address(node.results.dx),
      },
    },
  ];
};

/** The arguments that normalization and its reduction share. */
function normalization(
  node: Node<'batchNorm'> | Node<'batchNormGradientReduce'>,
  result: Tensor,
  context: LoweringContext,
): { chunks: number; channels: number; args: ArgumentBlock } {
  const { x } = node.operands;
  const { channels, chunks, args } = rowArguments(x, 48, context);
  const { shortcut } = node.operands;
  return {
    ...{ chunks, channels },
    args: {
      ...args,
      x: context.address(x),
      statistics: context.address(node.operands.statistics),
      gamma: context.address(node.operands.gamma),
      beta: context.address(node.operands.beta),
      shortcut: shortcut ? context.address(shortcut) : 0,
      range: rangeAddress(node.attributes.activation, node.operands.ranges, context),
      result: context.address(result),
    },
  };
}

/** The division of rows of channels; a worker's coefficients take `vectorBytes` for each four channels. */
function rowArguments(
  x: Tensor,
  vectorBytes: number,
  context: LoweringContext,
): { channels: number; chunks: number; args: ArgumentBlock } {
  const channels = channelsOf(x);
  const { chunks, args } = channelRows(x);
  const { base, stride } = context.workerScratch(Math.ceil(channels / 4) * vectorBytes);
  return { channels, chunks, args: { ...args, channels, coefficients: base, coefficientsStride: stride } };
}
