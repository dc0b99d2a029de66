/** Files of weights: safetensors, NNabla's parameter files, and weights to start from. */
export { parseSafetensorsFile, safetensorsFile } from './checkedSafetensors.js';
export { type LoadedWeights, weightsOf } from './loadedWeights.js';
export type { NamedTensor } from './safetensors.js';
export { readSafetensors, readWeightFile } from './safetensorsFile.js';
export { readStartingWeights } from './startingWeights.js';
