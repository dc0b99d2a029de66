/**
 * Files of a dataset by name, loose in a folder or inside a .tar or .tar.gz. Readers ask for names and get bytes, so
 * that one reader serves all of these places.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { codeOf, isMissing, readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import { tarFiles } from './tar.js';

export interface NamedFiles {
  /** The folder or archive, for messages. */
  readonly place: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The most bytes that a dataset unpacks to; a file with more is refused. */
const mostUnpacked = 2 ** 30;

/** The wanted files directly in `folder`. */
export async function readFolder(folder: string, wanted: readonly string[]): Promise<NamedFiles> {
  const files = new Map<string, Uint8Array>();
  for (const name of wanted) {
    const bytes = await readIfPresent(path.join(folder, name));
    if (bytes) files.set(name, bytes);
  }
  return { place: folder, files };
}

/**
 * The wanted files of a .tar or .tar.gz (told apart by content), in any of its folders.
 *
 * @throws InputError if the archive cannot be read, is truncated or corrupt, or holds two different files of one name
 */
export async function readArchive(archive: string, wanted: readonly string[]): Promise<NamedFiles> {
  const packed = await readFile(archive).catch((error: unknown) => {
    throw readFault(error, archive);
  });
  if (packed.subarray(0, 2).toString('latin1') === 'PK') {
    throw new InputError(
      `${archive}: a .zip archive is not read; unpack it and name the folder, or pack it as .tar.gz`,
    );
  }
  const files = new Map<string, Uint8Array>();
  const folders = new Map<string, string>();
  try {
    for (const { name: entry, bytes } of tarFiles(await unpacked(packed))) {
      const name = path.posix.basename(entry);
      if (!wanted.includes(name)) continue;
      const other = files.get(name);
      if (other && Buffer.compare(other, bytes) !== 0) {
        throw new InputError(
          `${archive}: holds two different files of one name, ${folders.get(name)} and ${entry}; keep one`,
        );
      }
      files.set(name, bytes);
      folders.set(name, entry);
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${archive}: truncated or corrupt archive (${(error as Error).message}); fetch it again`);
  }
  return { place: archive, files };
}

/**
 * The bytes of a file, unpacked if they are gzip; undefined if there is no such file.
 *
 * @throws InputError if the file cannot be read, or if the gzip stream is truncated or corrupt
 */
export async function readMaybeGzip(file: string): Promise<Uint8Array | undefined> {
  const bytes = await readIfPresent(file);
  if (!bytes) return undefined;
  try {
    return await unpacked(bytes);
  } catch (error) {
    throw new InputError(`${file}: truncated or corrupt gzip file (${(error as Error).message}); fetch it again`);
  }
}

/**
 * The bytes of a file by name.
 *
 * @throws InputError if there is no such file, with the place and the other files that should be there
 */
export function requireFile({ place, files }: NamedFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes)
    throw new InputError(`${place}: ${name} is missing; it should lie beside ${[...files.keys()].join(', ')}`);
  return bytes;
}

async function unpacked(bytes: Uint8Array): Promise<Uint8Array> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip ? promisify(gunzip)(bytes, { maxOutputLength: mostUnpacked }) : bytes;
}

async function readIfPresent(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if (isMissing(error) || codeOf(error) === 'EISDIR') return undefined;
    throw readFault(error, file);
  }
}
