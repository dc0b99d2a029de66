/** Files of weights: safetensors, NNabla's parameter files, and what a network starts from. */
export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  type Safetensors,
  type SafetensorsType,
} from './safetensors.js';
export { readSafetensors, safetensorsFile, writeSafetensors } from './safetensorsFile.js';
export { type LoadedWeights, type LoadReport, loadReport, readStartingWeights, weightsOf } from './startingWeights.js';
