/** Everything that the WebAssembly module exports: the replay loop and all kernels. */
export * from './activation';
export * from './batchNorm';
export * from './batchStatistics';
export * from './channels';
export * from './convolution';
export * from './elementLoss';
export * from './elementwise';
export * from './gatherBatch';
export * from './linear';
export * from './lossFinish';
export * from './parameterUpdate';
export * from './pooling';
export * from './quantizeChannels';
export * from './replay';
export * from './softmaxCrossEntropy';
