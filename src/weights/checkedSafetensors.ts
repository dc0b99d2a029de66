/**
 * safetensors files with a checksum in their metadata that is verified on reading, since the format itself does not
 * notice a changed value. Files of other programs have no such checksum.
 */

import { InputError } from '../errors.js';
import { sha256 } from '../sha256.js';
import {
  bytesOf,
  decodeSafetensors,
  encodeSafetensors,
  type NamedTensor,
  type Safetensors,
  typeOf,
} from './safetensors.js';

const CHECKSUM = 'mpdnn_sha256';
/** The checksum's key in earlier versions. Other programs use it as well; it is ours if the format is. */
const OLD_CHECKSUM = 'sha256';
const OWN_FORMAT = 'mixed-precision-dnns ';

/** The bytes of a file with its checksum in the metadata. */
export function safetensorsFile(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  return encodeSafetensors(tensors, { ...metadata, [CHECKSUM]: checksum(tensors, metadata) });
}

/**
 * Parses the bytes of a file called `source`.
 *
 * @throws InputError if they are damaged
 */
export function parseSafetensorsFile(bytes: Uint8Array | ArrayBuffer, source: string): Safetensors {
  const file = decodeSafetensors(bytes, source);
  const { metadata } = file;
  const isOldFile = !(CHECKSUM in metadata) && metadata.format?.startsWith(OWN_FORMAT);
  const key = isOldFile ? OLD_CHECKSUM : CHECKSUM;
  const { [key]: written, ...others } = metadata;
  if (written === undefined) return file;
  if (written === checksum([...file.tensors.values()], others)) return { ...file, metadata: others };
  throw new InputError(
    `${source}: damaged, its contents do not fit its checksum (if another program has changed them on purpose, ` +
      `remove ${key} from its metadata)`,
  );
}

function checksum(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>>): string {
  const hash = sha256();
  const add = (value: unknown) => hash.update(new TextEncoder().encode(JSON.stringify(value)));
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  add(pairs);
  for (const { name, shape, data } of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    add([name, typeOf(data), shape]);
    hash.update(bytesOf(data));
  }
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
