/** Weight files on the disk. */

import { readFileSync } from 'node:fs';
import { readFault } from '../disk/fileFault.js';
import { parseSafetensorsFile } from './checkedSafetensors.js';
import type { Safetensors } from './safetensors.js';

/**
 * Reads the file at `path`.
 *
 * @throws InputError if it is missing or damaged
 */
export function readSafetensors(path: string): Safetensors {
  return parseSafetensorsFile(readWeightFile(path), path);
}

/**
 * The bytes of a file named by the user.
 *
 * @throws InputError if it cannot be read
 */
export function readWeightFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw readFault(error, path);
  }
}
