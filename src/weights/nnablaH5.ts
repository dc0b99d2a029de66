/**
 * Reads the parameter files that NNabla writes: HDF5, one group a scope, one float32 dataset a parameter, whose
 * attribute `index` says when it was made. Names and the order of axes (OIHW) are those our networks have at the
 * borders. The HDF5 library is loaded only where such a file is read.
 */

import type { Dataset } from 'h5wasm/node';
import { loadOptional } from '../disk/optionalPackage.js';
import { InputError } from '../errors.js';
import { readWeightFile } from './safetensorsFile.js';

export interface NnablaParameter {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
}

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Parameters by name, in the order they were made in. Throws an `InputError` if the file cannot be read. */
export async function readNnablaH5(path: string): Promise<Map<string, NnablaParameter>> {
  const bytes = readWeightFile(path);
  if (!SIGNATURE.every((byte, index) => bytes[index] === byte)) throw new InputError(`${path}: no HDF5 file`);
  const { Dataset, File, ready } = await loadOptional('h5wasm', `${path} is an HDF5 file`, () => import('h5wasm/node'));
  // Faults then carry the library's messages; otherwise it prints them.
  (await ready).activate_throwing_error_handler();
  try {
    const file = new File(path, 'r');
    try {
      const found: { name: string; index: number; parameter: NnablaParameter }[] = [];
      for (const name of file.paths()) {
        const dataset = file.get(name);
        if (!(dataset instanceof Dataset)) continue;
        found.push({ name, index: indexOf(dataset), parameter: readParameter(dataset, name, path) });
      }
      found.sort((a, b) => a.index - b.index);
      return new Map(found.map(({ name, parameter }) => [name, parameter]));
    } finally {
      file.close();
    }
  } catch (error) {
    // Whatever the library throws on bytes that it cannot make sense of, the file is at fault.
    if (error instanceof InputError) throw error;
    throw new InputError(`${path}: damaged HDF5 file, or written in a way that is not supported`);
  }
}

/** Datasets without an index, which NNabla does not write, come last. */
function indexOf(dataset: Dataset): number {
  const value = dataset.attrs.index?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : Number.MAX_SAFE_INTEGER;
}

function readParameter(dataset: Dataset, name: string, path: string): NnablaParameter {
  const { shape, value } = dataset;
  const values = typeof value === 'number' ? Float64Array.of(value) : value;
  if (!(values instanceof Float32Array || values instanceof Float64Array)) {
    throw new InputError(`${path}: ${name} must hold floating-point numbers, it has type ${dataset.dtype}`);
  }
  const count = (shape ?? []).reduce((product, size) => product * size, 1);
  if (count !== values.length) throw new InputError(`${path}: ${name} has ${values.length} of ${count} values`);
  return { shape: shape ?? [], values };
}
