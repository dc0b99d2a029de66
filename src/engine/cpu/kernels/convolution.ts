/** The convolution kernels that `lowering/convolution.ts` and `lowering/depthwise.ts` call. */

export { convolve } from './convDirect';
export { channelMoments, combineMoments } from './convMoments';
export { convolutionWeightGradient, reduceWeightGradient } from './convWeightGradient';
export { packConvolutionWeights } from './convWeights';
export { convolveWinograd } from './convWinograd';
export { packWinogradWeights } from './convWinogradTransforms';
export { reduceWinogradWeightGradient, winogradWeightGradient } from './convWinogradWeightGradient';
export { depthwiseConvolve } from './depthwise';
export { depthwiseWeightGradient } from './depthwiseWeightGradient';
