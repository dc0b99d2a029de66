/** Exports of the second file of kernels, for training: gradients and updates. */
export {
  activationGradientRelu, activationGradientRelu6, activationGradientSigmoid, activationGradientHardSigmoid,
  activationGradientHardSwish, activationGradientSilu, activationGradientUniformSigned,
  activationGradientUniformUnsigned, activationGradientPow2Signed, activationGradientPow2Unsigned,
  activationGradientFixedUniformSigned, activationGradientFixedUniformUnsigned, activationGradientFixedPow2Signed,
  activationGradientFixedPow2Unsigned,
} from './activation';
export {
  batchNormGradientFinish, batchNormGradientApply, batchNormGradientReduceIdentity, batchNormGradientReduceRelu,
  batchNormGradientReduceRelu6, batchNormGradientReduceSigmoid, batchNormGradientReduceHardSigmoid,
  batchNormGradientReduceHardSwish, batchNormGradientReduceSilu, batchNormGradientReduceUniformSigned,
  batchNormGradientReduceUniformUnsigned, batchNormGradientReducePow2Signed, batchNormGradientReducePow2Unsigned,
  batchNormGradientReduceFixedUniformSigned, batchNormGradientReduceFixedUniformUnsigned,
  batchNormGradientReduceFixedPow2Signed, batchNormGradientReduceFixedPow2Unsigned,
} from './batchNorm';
export { sliceGradient, biasGradient, multiplyChannelsGradient } from './channels';
export { convolutionWeightGradient, reduceWeightGradient } from './convWeightGradient';
export { transformWinogradOperands, sumWinogradProducts, transformWinogradSums } from './convWinogradWeightGradient';
export { depthwiseNineSums } from './depthwiseNineSums';
export { depthwiseQuads } from './depthwiseQuads';
export { depthwiseWeightGradient } from './depthwiseWeightGradient';
export { scaleGradient, sumRows } from './elementwise';
export { linearInputGradient, linearWeightGradient } from './linear';
export * from './parameterUpdate';
export { globalAveragePoolGradient, averagePoolGradient, maxPoolGradient, subsampleGradient } from './pooling';
export {
  finishChannelSums, quantizeChannelsGradientUniform, quantizeChannelsGradientPow2,
  quantizeChannelsGradientFixedUniform, quantizeChannelsGradientFixedPow2,
} from './quantizeChannels';
