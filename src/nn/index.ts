export type { Network } from './layers.js';
export { fromStored, type Layout, storedShape, toStored } from './layouts.js';
export { liveActivations } from './liveActivations.js';
export { buildModel, type ModelOptions } from './models/models.js';
export { quantizableTensors, unquantized } from './quantizableTensors.js';
export type { QuantizerSettings } from './quantizerSettings.js';
export { averageStorages, STORAGE } from './storages.js';
export {
  exponentsName,
  type ParameterGroup,
  type StartingWeights,
  type Variable,
  Variables,
} from './variables.js';
