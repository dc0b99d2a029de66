/** Reader of zip archives in memory: numpy's .npz, PyTorch's .pt. */

import { inflateRawSync } from 'node:zlib';
import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl';
import { crc32 } from '../crc32.js';
import { InputError } from '../errors.js';

/** The highest ratio of deflate (https://zlib.net/zlib_tech.html); files that claim a higher one are damaged. */
const largestRatio = 1032;
const STORED = 0;
const DEFLATED = 8;

/**
 * The files of an archive whose names `isWanted` accepts, by name; stored (not deflated) ones are views of `archive`.
 * `source`: its name in messages.
 *
 * @throws InputError if it is no archive, is damaged, or has a wanted name twice, encrypted or packed by other means
 *   than deflate
 */
export async function zipFiles(
  archive: Uint8Array,
  isWanted: (name: string) => boolean,
  source: string,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  try {
    const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
    const zip = await fromBufferPromise(bytes, { lazyEntries: true });
    for await (const entry of zip.eachEntry()) {
      if (!isWanted(entry.fileName)) continue;
      if (files.has(entry.fileName)) throw new Error(`it holds ${entry.fileName} twice`);
      files.set(entry.fileName, await contentOf(zip, entry, bytes));
    }
  } catch (error) {
    // Any error of the library or of zlib means a faulty file.
    throw new InputError(`${source}: damaged, or no zip archive (${(error as Error).message})`);
  }
  return files;
}

async function contentOf(zip: ZipFile, entry: Entry, archive: Buffer): Promise<Uint8Array> {
  const { fileName, compressionMethod, compressedSize, uncompressedSize } = entry;
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packed = archive.subarray(fileDataStart, fileDataStart + compressedSize);
  if (entry.isEncrypted()) throw new Error(`${fileName} is encrypted`);
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    throw new Error(`${fileName} is packed by method ${compressionMethod}, read are stored and deflated files`);
  }
  if (uncompressedSize > largestRatio * packed.length) throw new Error(`${fileName} has an impossible size`);
  const content =
    compressionMethod === STORED ? packed : inflateRawSync(packed, { maxOutputLength: Math.max(1, uncompressedSize) });
  if (content.length !== uncompressedSize || crc32(content) !== entry.crc32) {
    throw new Error(`${fileName} does not fit its checksum`);
  }
  return content;
}
