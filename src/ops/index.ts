/** All operations, with their types and definitions. A missing entry in either list does not compile. */

import type { AnyNode, OpName } from '../graph/graph.js';
import {
  type ActivationGradient,
  type ActivationOperation,
  activationDefinition,
  activationGradientDefinition,
} from './activation.js';
import { type Add, addDefinition } from './add.js';
import type { Activation } from './attributes.js';
import {
  type AveragePool,
  type AveragePoolGradient,
  averagePoolDefinition,
  averagePoolGradientDefinition,
} from './averagePool.js';
import {
  type BatchNorm,
  type BatchNormGradientApply,
  type BatchNormGradientReduce,
  batchNormDefinition,
  batchNormGradientApplyDefinition,
  batchNormGradientReduceDefinition,
} from './batchNorm.js';
import {
  type BatchStatistics,
  batchStatisticsDefinition,
  type RunningStatistics,
  runningStatisticsDefinition,
} from './batchStatistics.js';
import { type Bias, type BiasGradient, biasDefinition, biasGradientDefinition } from './bias.js';
import { type Concat, concatDefinition } from './concat.js';
import {
  type Conv2d,
  type Conv2dInputGradient,
  type Conv2dWeightGradient,
  conv2dDefinition,
  conv2dInputGradientDefinition,
  conv2dWeightGradientDefinition,
} from './convolution.js';
import { type Copy, copyDefinition } from './copy.js';
import type { Definition, Operation } from './definition.js';
import {
  type DepthwiseConv2d,
  type DepthwiseConv2dInputGradient,
  type DepthwiseConv2dWeightGradient,
  depthwiseConv2dDefinition,
  depthwiseConv2dInputGradientDefinition,
  depthwiseConv2dWeightGradientDefinition,
} from './depthwiseConvolution.js';
import {
  type ElementLoss,
  type ElementLossGradient,
  elementLossDefinition,
  elementLossGradientDefinition,
} from './elementLoss.js';
import { type Flatten, flattenDefinition, type Unflatten, unflattenDefinition } from './flatten.js';
import { type GatherBatch, gatherBatchDefinition } from './gatherBatch.js';
import { type GatherTargets, gatherTargetsDefinition } from './gatherTargets.js';
import {
  type GlobalAveragePool,
  type GlobalAveragePoolGradient,
  globalAveragePoolDefinition,
  globalAveragePoolGradientDefinition,
} from './globalAveragePool.js';
import {
  type GroupedConv2d,
  type GroupedConv2dInputGradient,
  type GroupedConv2dWeightGradient,
  groupedConv2dDefinition,
  groupedConv2dInputGradientDefinition,
  groupedConv2dWeightGradientDefinition,
} from './groupedConvolution.js';
import {
  type Linear,
  type LinearInputGradient,
  type LinearWeightGradient,
  linearDefinition,
  linearInputGradientDefinition,
  linearWeightGradientDefinition,
} from './linear.js';
import { type MaxPool, type MaxPoolGradient, maxPoolDefinition, maxPoolGradientDefinition } from './maxPool.js';
import { type ChannelMoments, channelMomentsDefinition } from './moments.js';
import { type MovingAverage, movingAverageDefinition } from './movingAverage.js';
import {
  type MultiplyChannels,
  type MultiplyChannelsGradient,
  multiplyChannelsDefinition,
  multiplyChannelsGradientDefinition,
} from './multiplyChannels.js';
import { type ParameterUpdate, parameterUpdateDefinition } from './parameterUpdate.js';
import { type PrepareQuantizers, prepareQuantizersDefinition } from './prepareQuantizers.js';
import {
  type QuantizeChannels,
  type QuantizeChannelsGradient,
  quantizeChannelsDefinition,
  quantizeChannelsGradientDefinition,
} from './quantizeChannels.js';
import { type QuantizerUpdateOperation, quantizerUpdateDefinition } from './quantizerUpdate.js';
import { type RecordMetrics, recordMetricsDefinition } from './recordMetrics.js';
import { type Scale, type ScaleGradient, scaleDefinition, scaleGradientDefinition } from './scale.js';
import { type ShuffleChannels, shuffleChannelsDefinition } from './shuffleChannels.js';
import { type Slice, type SliceGradient, sliceDefinition, sliceGradientDefinition } from './slice.js';
import {
  type SoftmaxCrossEntropy,
  type SoftmaxCrossEntropyGradient,
  softmaxCrossEntropyDefinition,
  softmaxCrossEntropyGradientDefinition,
} from './softmaxCrossEntropy.js';
import {
  type Subsample,
  type SubsampleGradient,
  subsampleDefinition,
  subsampleGradientDefinition,
} from './subsample.js';

interface OperationTypes {
  gatherBatch: GatherBatch;
  gatherTargets: GatherTargets;
  prepareQuantizers: PrepareQuantizers;
  activation: ActivationOperation;
  activationGradient: ActivationGradient;
  quantizeChannels: QuantizeChannels;
  quantizeChannelsGradient: QuantizeChannelsGradient;
  conv2d: Conv2d;
  conv2dInputGradient: Conv2dInputGradient;
  conv2dWeightGradient: Conv2dWeightGradient;
  depthwiseConv2d: DepthwiseConv2d;
  depthwiseConv2dInputGradient: DepthwiseConv2dInputGradient;
  depthwiseConv2dWeightGradient: DepthwiseConv2dWeightGradient;
  groupedConv2d: GroupedConv2d;
  groupedConv2dInputGradient: GroupedConv2dInputGradient;
  groupedConv2dWeightGradient: GroupedConv2dWeightGradient;
  batchStatistics: BatchStatistics;
  runningStatistics: RunningStatistics;
  batchNorm: BatchNorm;
  batchNormGradientReduce: BatchNormGradientReduce;
  batchNormGradientApply: BatchNormGradientApply;
  add: Add;
  copy: Copy;
  concat: Concat;
  slice: Slice;
  sliceGradient: SliceGradient;
  bias: Bias;
  biasGradient: BiasGradient;
  flatten: Flatten;
  unflatten: Unflatten;
  shuffleChannels: ShuffleChannels;
  multiplyChannels: MultiplyChannels;
  multiplyChannelsGradient: MultiplyChannelsGradient;
  subsample: Subsample;
  subsampleGradient: SubsampleGradient;
  globalAveragePool: GlobalAveragePool;
  globalAveragePoolGradient: GlobalAveragePoolGradient;
  averagePool: AveragePool;
  averagePoolGradient: AveragePoolGradient;
  maxPool: MaxPool;
  maxPoolGradient: MaxPoolGradient;
  linear: Linear;
  linearInputGradient: LinearInputGradient;
  linearWeightGradient: LinearWeightGradient;
  scale: Scale;
  scaleGradient: ScaleGradient;
  softmaxCrossEntropy: SoftmaxCrossEntropy;
  softmaxCrossEntropyGradient: SoftmaxCrossEntropyGradient;
  elementLoss: ElementLoss;
  elementLossGradient: ElementLossGradient;
  parameterUpdate: ParameterUpdate;
  channelMoments: ChannelMoments;
  movingAverage: MovingAverage;
  quantizerUpdate: QuantizerUpdateOperation;
  recordMetrics: RecordMetrics;
}

declare module '../graph/graph.js' {
  interface Operations extends OperationTypes {}
}

export const definitions: { readonly [K in OpName]: Definition<OperationTypes[K]> } = {
  gatherBatch: gatherBatchDefinition,
  gatherTargets: gatherTargetsDefinition,
  prepareQuantizers: prepareQuantizersDefinition,
  activation: activationDefinition,
  activationGradient: activationGradientDefinition,
  quantizeChannels: quantizeChannelsDefinition,
  quantizeChannelsGradient: quantizeChannelsGradientDefinition,
  conv2d: conv2dDefinition,
  conv2dInputGradient: conv2dInputGradientDefinition,
  conv2dWeightGradient: conv2dWeightGradientDefinition,
  depthwiseConv2d: depthwiseConv2dDefinition,
  depthwiseConv2dInputGradient: depthwiseConv2dInputGradientDefinition,
  depthwiseConv2dWeightGradient: depthwiseConv2dWeightGradientDefinition,
  groupedConv2d: groupedConv2dDefinition,
  groupedConv2dInputGradient: groupedConv2dInputGradientDefinition,
  groupedConv2dWeightGradient: groupedConv2dWeightGradientDefinition,
  batchStatistics: batchStatisticsDefinition,
  runningStatistics: runningStatisticsDefinition,
  batchNorm: batchNormDefinition,
  batchNormGradientReduce: batchNormGradientReduceDefinition,
  batchNormGradientApply: batchNormGradientApplyDefinition,
  add: addDefinition,
  copy: copyDefinition,
  concat: concatDefinition,
  slice: sliceDefinition,
  sliceGradient: sliceGradientDefinition,
  bias: biasDefinition,
  biasGradient: biasGradientDefinition,
  flatten: flattenDefinition,
  unflatten: unflattenDefinition,
  shuffleChannels: shuffleChannelsDefinition,
  multiplyChannels: multiplyChannelsDefinition,
  multiplyChannelsGradient: multiplyChannelsGradientDefinition,
  subsample: subsampleDefinition,
  subsampleGradient: subsampleGradientDefinition,
  globalAveragePool: globalAveragePoolDefinition,
  globalAveragePoolGradient: globalAveragePoolGradientDefinition,
  averagePool: averagePoolDefinition,
  averagePoolGradient: averagePoolGradientDefinition,
  maxPool: maxPoolDefinition,
  maxPoolGradient: maxPoolGradientDefinition,
  linear: linearDefinition,
  linearInputGradient: linearInputGradientDefinition,
  linearWeightGradient: linearWeightGradientDefinition,
  scale: scaleDefinition,
  scaleGradient: scaleGradientDefinition,
  softmaxCrossEntropy: softmaxCrossEntropyDefinition,
  softmaxCrossEntropyGradient: softmaxCrossEntropyGradientDefinition,
  elementLoss: elementLossDefinition,
  elementLossGradient: elementLossGradientDefinition,
  parameterUpdate: parameterUpdateDefinition,
  channelMoments: channelMomentsDefinition,
  movingAverage: movingAverageDefinition,
  quantizerUpdate: quantizerUpdateDefinition,
  recordMetrics: recordMetricsDefinition,
};

/** The definition of a node's operation, typed as that of any operation. */
export function definitionOf({ op }: Pick<AnyNode, 'op'>): Definition<Operation> {
  return definitions[op] as unknown as Definition<Operation>;
}

/** The activation that makes the values of a node's first result; null if none does. */
export function activationOf(node: AnyNode): Activation | null {
  const { values } = definitionOf(node);
  return typeof values === 'function' ? values(node.attributes) : null;
}
