/**
 * Safetensors files on the disk: written durably, with a checksum in their metadata that is verified on reading, since
 * the format itself does not notice a changed value. Files of other programs have no such checksum and are read without.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeDurably } from '../disk/durableFile.js';
import { readFault } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import {
  bytesOf,
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  type Safetensors,
  typeOf,
} from './safetensors.js';

const CHECKSUM = 'sha256';

/** Replaces the file at `path`. Throws what `writeDurably` throws. */
export function writeSafetensors(
  path: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): void {
  writeDurably(path, safetensorsFile(tensors, metadata));
}

/** The bytes of a file, its checksum in the metadata. */
export function safetensorsFile(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  return encodeSafetensors(tensors, { ...metadata, [CHECKSUM]: checksum(tensors, metadata) });
}

/** Reads the file at `path`. Throws an `InputError` if there is none or if it is damaged. */
export function readSafetensors(path: string): Safetensors {
  const { tensors, metadata } = decodeSafetensors(readWeightFile(path), path);
  const { [CHECKSUM]: written, ...others } = metadata;
  if (written === undefined) return { tensors, metadata };
  if (written === checksum([...tensors.values()], others)) return { tensors, metadata: others };
  throw new InputError(`${path}: damaged, its contents do not fit its checksum`);
}

/** The bytes of a file that the user named. Throws an `InputError` if there is none to be read. */
export function readWeightFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw readFault(error, path);
  }
}

function checksum(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>>): string {
  const hash = createHash('sha256');
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  hash.update(JSON.stringify(pairs));
  for (const { name, shape, data } of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(JSON.stringify([name, typeOf(data), shape]));
    hash.update(bytesOf(data));
  }
  return hash.digest('hex');
}
