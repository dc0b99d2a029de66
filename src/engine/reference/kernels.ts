/** The kernel of every operation. */

import type { OpName } from '../../ops/attributes.js';
import { activation, activationGradient } from './activation.js';
import {
  batchNorm,
  batchNormGradientApply,
  batchNormGradientReduce,
  batchStatistics,
  runningStatistics,
} from './batchNorm.js';
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from './convolution.js';
import {
  depthwiseConv2d,
  depthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient,
} from './depthwiseConvolution.js';
import { add, scale, scaleGradient } from './elementwise.js';
import { gatherBatch } from './gather.js';
import type { Kernel } from './kernel.js';
import { linear, linearInputGradient, linearWeightGradient } from './linear.js';
import { softmaxCrossEntropy, softmaxCrossEntropyGradient } from './loss.js';
import {
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
  subsample,
  subsampleGradient,
} from './pooling.js';
import { quantizeChannels, quantizeChannelsGradient } from './quantizeChannels.js';
import { movingAverage, parameterUpdate, prepareQuantizers, quantizerUpdate, recordMetrics } from './update.js';

export const kernels: { readonly [K in OpName]: Kernel<K> } = {
  gatherBatch,
  prepareQuantizers,
  activation,
  activationGradient,
  quantizeChannels,
  quantizeChannelsGradient,
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  depthwiseConv2d,
  depthwiseConv2dInputGradient,
  depthwiseConv2dWeightGradient,
  batchStatistics,
  runningStatistics,
  batchNorm,
  batchNormGradientReduce,
  batchNormGradientApply,
  add,
  subsample,
  subsampleGradient,
  globalAveragePool,
  globalAveragePoolGradient,
  maxPool,
  maxPoolGradient,
  linear,
  linearInputGradient,
  linearWeightGradient,
  scale,
  scaleGradient,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  parameterUpdate,
  movingAverage,
  quantizerUpdate,
  recordMetrics,
};
