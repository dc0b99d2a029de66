export { type ChannelGroup, channelGroups, forEachRun, leftOf, thinned } from './channelGroups.js';
export { readDefinition } from './definitionData.js';
export { inputName, type Layer, type NetworkDefinition, readsOf } from './layer.js';
export type {
  AveragePoolOptions,
  ConvOptions,
  DenseConvOptions,
  LayerOptions,
  Layers,
  LinearOptions,
  NameOptions,
  PoolOptions,
  ShuffleOptions,
  SliceOptions,
  SubsampleOptions,
  Value,
} from './layerCalls.js';
export { type LayerFacts, layerFacts } from './layerFacts.js';
export { type BatchNormNames, batchNormEpsilon, type Network } from './layerNodes.js';
export { type Define, defined, type NetworkOptions, network } from './layers.js';
export { fromStored, type Layout, storedShape, toStored } from './layouts.js';
export { liveActivations } from './liveActivations.js';
export { autoencoderBottleneck } from './models/dense.js';
export { buildModel, type ModelOptions, modelDefinition } from './models/models.js';
export { productsOf } from './products.js';
export { quantizableTensors } from './quantizableTensors.js';
export { type ActivationSettings, exceptionOf, type QuantizerSettings, unquantized } from './quantizerSettings.js';
export { sharedQuantizers } from './sharedQuantizers.js';
export { averageStorages, STORAGE } from './storages.js';
export {
  type Counted,
  exponentsName,
  type ParameterGroup,
  type StartingWeights,
  type Variable,
  Variables,
} from './variables.js';
export { withOutputs } from './withOutputs.js';
