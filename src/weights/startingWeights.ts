/**
 * Weights to start from or to evaluate, read from files of this project, of PyTorch and its ecosystem (.safetensors,
 * .pt) or of NNabla (.h5).
 */

import { extname } from 'node:path';
import { InputError } from '../errors.js';
import { parseSafetensorsFile } from './checkedSafetensors.js';
import { type LoadedWeights, sound, weightsToStartFrom } from './loadedWeights.js';
import { readNnablaH5 } from './nnablaH5.js';
import { readPytorch } from './pytorchFile.js';
import { readWeightFile } from './safetensorsFile.js';

/**
 * Reads the file at `path`.
 *
 * @param given its bytes, if they are known
 * @throws InputError if it is missing, damaged or of another format; `get` throws one for non-finite values and
 *   negative variances
 */
export async function readStartingWeights(path: string, given?: Uint8Array): Promise<LoadedWeights> {
  const bytes = () => given ?? readWeightFile(path);
  switch (extname(path).toLowerCase()) {
    case '.safetensors':
      return weightsToStartFrom(parseSafetensorsFile(bytes(), path), path);
    case '.h5':
      return sound(await readNnablaH5(path, bytes()));
    case '.pth':
    case '.pt':
    case '.ckpt':
    case '.bin':
      return sound(await readPytorch(bytes(), path));
    default:
      throw new InputError(
        `${path}: weights are read from .safetensors files, PyTorch's .pt and .pth files and NNabla's .h5 files`,
      );
  }
}
