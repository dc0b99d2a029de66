/** Files of weights: safetensors, NNabla's parameter files, and what a network starts from. */
export { parseSafetensorsFile, safetensorsFile } from './checkedSafetensors.js';
export { type LoadedWeights, type LoadReport, loadReport, sound, startLine, weightsOf } from './loadedWeights.js';
export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  type Safetensors,
  type SafetensorsType,
} from './safetensors.js';
export { readSafetensors, readWeightFile } from './safetensorsFile.js';
export { readStartingWeights } from './startingWeights.js';
