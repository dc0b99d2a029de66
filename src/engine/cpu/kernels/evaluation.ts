/**
 * Exports of the first file of kernels, for evaluation: the replay loop, the kernels of forward passes, and losses.
 * Gradients of losses are here too: the tables of exp are static data, of which the second file must have none, since
 * it would overwrite these.
 */
export {
  activationRelu, activationRelu6, activationSigmoid, activationHardSigmoid, activationHardSwish, activationSilu,
  activationUniformSigned, activationUniformUnsigned, activationPow2Signed, activationPow2Unsigned,
  activationFixedUniformSigned, activationFixedUniformUnsigned, activationFixedPow2Signed, activationFixedPow2Unsigned,
} from './activation';
export {
  batchNormIdentity, batchNormRelu, batchNormRelu6, batchNormSigmoid, batchNormHardSigmoid, batchNormHardSwish,
  batchNormSilu, batchNormUniformSigned, batchNormUniformUnsigned, batchNormPow2Signed, batchNormPow2Unsigned,
  batchNormFixedUniformSigned, batchNormFixedUniformUnsigned, batchNormFixedPow2Signed, batchNormFixedPow2Unsigned,
} from './batchNorm';
export * from './batchStatistics';
export { copyChannels, shuffleChannels, bias, multiplyChannels } from './channels';
export { convolve } from './convDirect';
export { channelMoments, combineMoments } from './convMoments';
export { packConvolutionWeights } from './convWeights';
export { convolveWinograd } from './convWinograd';
export { multiplyWinograd, transformWinogradInputs, transformWinogradResults } from './convWinogradApart';
export { packWinogradWeights } from './convWinogradWeights';
export { depthwiseConvolve } from './depthwise';
export { depthwiseColumns } from './depthwiseColumns';
export * from './elementLoss';
export { add, copy, scale } from './elementwise';
export * from './gatherBatch';
export { linear } from './linear';
export * from './lossFinish';
export { globalAveragePool, averagePool, maxPool, subsample } from './pooling';
export {
  quantizeChannelsUniform, quantizeChannelsPow2, quantizeChannelsFixedUniform, quantizeChannelsFixedPow2,
} from './quantizeChannels';
export * from './replay';
export * from './softmaxCrossEntropy';
