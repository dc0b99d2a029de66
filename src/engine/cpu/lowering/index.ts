/** How each operation becomes kernel calls and host calls. */
import type { AnyNode, OpName } from '../../../graph/graph.js';
import type { AnyLowering, LoweredCall, Lowering, LoweringContext } from '../lowered.js';
import { lowerActivation, lowerActivationGradient } from './activation.js';
import {
  lowerBatchNorm,
  lowerBatchNormGradientApply,
  lowerBatchNormGradientReduce,
  lowerBatchStatistics,
  lowerRunningStatistics,
} from './batchNorm.js';
import { lowerConv2d, lowerConv2dInputGradient } from './convolution.js';
import {
  lowerDepthwiseConv2d,
  lowerDepthwiseConv2dInputGradient,
  lowerDepthwiseConv2dWeightGradient,
} from './depthwise.js';
import { lowerAdd, lowerCopy, lowerScale, lowerScaleGradient } from './elementwise.js';
import { lowerGatherBatch } from './gatherBatch.js';
import { lowerLinear, lowerLinearInputGradient, lowerLinearWeightGradient } from './linear.js';
import { lowerSoftmaxCrossEntropy, lowerSoftmaxCrossEntropyGradient } from './loss.js';
import {
  lowerGlobalAveragePool,
  lowerGlobalAveragePoolGradient,
  lowerMaxPool,
  lowerMaxPoolGradient,
  lowerSubsample,
  lowerSubsampleGradient,
} from './pooling.js';
import { lowerQuantizeChannels, lowerQuantizeChannelsGradient } from './quantizeChannels.js';
import {
  lowerMovingAverage,
  lowerParameterUpdate,
  lowerPrepareQuantizers,
  lowerQuantizerUpdate,
  lowerRecordMetrics,
} from './update.js';
import { lowerConv2dWeightGradient } from './weightGradient.js';

const lowerings: { readonly [K in OpName]: Lowering<K> } = {
  gatherBatch: lowerGatherBatch,
  prepareQuantizers: lowerPrepareQuantizers,
  activation: lowerActivation,
  activationGradient: lowerActivationGradient,
  quantizeChannels: lowerQuantizeChannels,
  quantizeChannelsGradient: lowerQuantizeChannelsGradient,
  conv2d: lowerConv2d,
  conv2dInputGradient: lowerConv2dInputGradient,
  conv2dWeightGradient: lowerConv2dWeightGradient,
  depthwiseConv2d: lowerDepthwiseConv2d,
  depthwiseConv2dInputGradient: lowerDepthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient: lowerDepthwiseConv2dWeightGradient,
  batchStatistics: lowerBatchStatistics,
  runningStatistics: lowerRunningStatistics,
  batchNorm: lowerBatchNorm,
  batchNormGradientReduce: lowerBatchNormGradientReduce,
  batchNormGradientApply: lowerBatchNormGradientApply,
  add: lowerAdd,
  copy: lowerCopy,
  subsample: lowerSubsample,
  subsampleGradient: lowerSubsampleGradient,
  globalAveragePool: lowerGlobalAveragePool,
  globalAveragePoolGradient: lowerGlobalAveragePoolGradient,
  maxPool: lowerMaxPool,
  maxPoolGradient: lowerMaxPoolGradient,
  linear: lowerLinear,
  linearInputGradient: lowerLinearInputGradient,
  linearWeightGradient: lowerLinearWeightGradient,
  scale: lowerScale,
  scaleGradient: lowerScaleGradient,
  softmaxCrossEntropy: lowerSoftmaxCrossEntropy,
  softmaxCrossEntropyGradient: lowerSoftmaxCrossEntropyGradient,
  parameterUpdate: lowerParameterUpdate,
  movingAverage: lowerMovingAverage,
  quantizerUpdate: lowerQuantizerUpdate,
  recordMetrics: lowerRecordMetrics,
};

/** The table pairs each name with a lowering of its type, which TypeScript cannot see through a union of nodes. */
export function lower(node: AnyNode, context: LoweringContext): LoweredCall[] {
  return (lowerings[node.op] as AnyLowering)(node, context);
}
