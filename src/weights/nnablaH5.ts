/**
 * Reader of NNabla's parameter files: HDF5 with a group for each scope and a float32 dataset for each parameter, whose
 * attribute `index` gives the order of creation. Names and the order of axes (OIHW) are those of our stored layout. The
 * HDF5 library is loaded only when such a file is read.
 */

import type { Dataset } from 'h5wasm/node';
import { loadOptional } from '../disk/optionalPackage.js';
import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';
import { fromFloat16 } from './halfFloats.js';
import { type LoadedWeights, loadedWeights, type WeightValues } from './loadedWeights.js';
import { readWeightFile } from './safetensorsFile.js';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** H5T_INTEGER in the library's descriptions of types. */
const INTEGER = 0;

/**
 * Reads the floating-point parameters, in the order of their creation; datasets of other types cannot be asked for. The
 * library reads the file itself, once its bytes have the signature.
 *
 * @throws InputError if the file cannot be read
 */
export async function readNnablaH5(path: string, bytes = readWeightFile(path)): Promise<LoadedWeights> {
  if (!SIGNATURE.every((byte, index) => bytes[index] === byte)) throw new InputError(`${path}: no HDF5 file`);
  const { Dataset, File, ready } = await loadOptional('h5wasm', `${path} is an HDF5 file`, () => import('h5wasm/node'));
  // Errors then carry the library's messages, which it would print otherwise.
  (await ready).activate_throwing_error_handler();
  try {
    const file = new File(path, 'r');
    try {
      const found: { name: string; index: number; parameter: WeightValues }[] = [];
      const others = new Map<string, string>();
      for (const name of file.paths()) {
        const dataset = file.get(name);
        if (!(dataset instanceof Dataset)) continue;
        const parameter = readParameter(dataset, name, path);
        if (parameter) found.push({ name, index: indexOf(dataset), parameter });
        else others.set(name, String(dataset.dtype));
      }
      found.sort((a, b) => a.index - b.index);
      return loadedWeights(path, new Map(found.map(({ name, parameter }) => [name, parameter])), others);
    } finally {
      file.close();
    }
  } catch (error) {
    // Any error of the library means a faulty file.
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: damaged HDF5 file, or written in a way that is not supported`);
  }
}

/** The index of a dataset; those without one, which NNabla does not write, come last. */
function indexOf(dataset: Dataset): number {
  const value = dataset.attrs.index?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.MAX_SAFE_INTEGER;
}

/** The values of a dataset; `undefined` for types other than little-endian float16, 32 and 64. */
function readParameter(dataset: Dataset, name: string, path: string): WeightValues | undefined {
  const shape = dataset.shape ?? [];
  const values = floatsOf(dataset);
  if (!values) return undefined;
  const count = elementCount(shape);
  if (count !== values.length) throw new InputError(`${path}: ${name} has ${values.length} of ${count} values`);
  return { shape, values };
}

function floatsOf(dataset: Dataset): Float32Array | Float64Array | undefined {
  switch (dataset.dtype) {
    case '<f':
    case '<d': {
      const { value } = dataset;
      if (typeof value === 'number') return Float64Array.of(value);
      return value instanceof Float32Array || value instanceof Float64Array ? value : undefined;
    }
    case '<e': {
      // The library has no array type for float16, but returns the bytes of integers of the same size.
      Object.assign(dataset.metadata, { type: INTEGER });
      const { value } = dataset;
      const words = typeof value === 'number' ? Uint16Array.of(value) : value;
      return words instanceof Uint16Array ? fromFloat16(new Uint8Array(words.buffer)) : undefined;
    }
    default:
      return undefined;
  }
}
