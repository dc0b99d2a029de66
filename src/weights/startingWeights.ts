/** Weights to start from or to evaluate, out of a file of this project, of PyTorch's world (.safetensors) or of NNabla (.h5). */

import { extname } from 'node:path';
import { InputError } from '../errors.js';
import { type LoadedWeights, weightsOf } from './loadedWeights.js';
import { readNnablaH5 } from './nnablaH5.js';
import { readSafetensors } from './safetensorsFile.js';

/** Reads the file at `path`. Throws an `InputError` if it is missing, damaged or of another format. */
export async function readStartingWeights(path: string): Promise<LoadedWeights> {
  switch (extname(path).toLowerCase()) {
    case '.safetensors':
      return weightsOf(readSafetensors(path).tensors, path);
    case '.h5': {
      const parameters = await readNnablaH5(path);
      return { source: path, names: [...parameters.keys()], get: (name) => parameters.get(name) };
    }
    default:
      throw new InputError(`${path}: weights are read from .safetensors files and NNabla's .h5 files`);
  }
}
