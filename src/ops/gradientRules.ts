/** The gradient rule of every operation that can stand between parameters and loss. */

import { activationGradient } from './activation.js';
import type { OpName } from './attributes.js';
import { batchNormGradient } from './batchNorm.js';
import { convolutionGradient } from './convolution.js';
import type { GradientRule } from './gradientRule.js';
import { linearGradient, scaleGradient } from './linear.js';
import { softmaxCrossEntropyGradient } from './loss.js';
import { globalAveragePoolGradient, maxPoolGradient } from './pooling.js';
import { quantizeChannelsGradient } from './quantizeChannels.js';
import { addGradient, subsampleGradient } from './shortcut.js';

export const gradientRules: { readonly [K in OpName]?: GradientRule<K> } = {
  activation: activationGradient,
  quantizeChannels: quantizeChannelsGradient,
  conv2d: convolutionGradient,
  depthwiseConv2d: convolutionGradient,
  batchNorm: batchNormGradient,
  add: addGradient,
  subsample: subsampleGradient,
  globalAveragePool: globalAveragePoolGradient,
  maxPool: maxPoolGradient,
  linear: linearGradient,
  scale: scaleGradient,
  softmaxCrossEntropy: softmaxCrossEntropyGradient,
};
