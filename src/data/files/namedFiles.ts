/**
 * A dataset's files by name, wherever they lie: loose in a folder, or inside a .tar or .tar.gz. Readers ask for names
 * and get bytes, so that one reader serves all of these places.
 */
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gunzipSync } from 'node:zlib';
import tar from 'tar-stream';
import { InputError } from '../../errors.js';

export interface NamedFiles {
  /** The folder or archive, for messages. */
  readonly place: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The wanted files that `folder` itself holds. */
export async function readFolder(folder: string, wanted: readonly string[]): Promise<NamedFiles> {
  const files = new Map<string, Uint8Array>();
  for (const name of wanted) {
    const bytes = await readIfPresent(path.join(folder, name));
    if (bytes) files.set(name, bytes);
  }
  return { place: folder, files };
}

/**
 * The wanted files of a .tar or .tar.gz (told apart by content), in whatever folder of it they lie.
 * @throws InputError if the archive is truncated or corrupt.
 */
export async function readArchive(archive: string, wanted: readonly string[]): Promise<NamedFiles> {
  const source = createReadStream(archive, { highWaterMark: 1 << 20 });
  const extract = tar.extract();
  try {
    const unpacked = (await isGzip(archive))
      ? pipeline(source, createGunzip({ chunkSize: 1 << 20 }), extract)
      : pipeline(source, extract);
    const [files] = await Promise.all([collect(extract, wanted), unpacked]);
    return { place: archive, files };
  } catch (error) {
    throw new InputError(`${archive}: truncated or corrupt archive (${messageOf(error)}); fetch it again`);
  }
}

/**
 * A plain file's bytes, unpacked if they are gzip; undefined where there is no such file.
 * @throws InputError if the gzip stream is truncated or corrupt.
 */
export async function readMaybeGzip(file: string): Promise<Uint8Array | undefined> {
  const bytes = await readIfPresent(file);
  if (!bytes || !(bytes[0] === 0x1f && bytes[1] === 0x8b)) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw new InputError(`${file}: truncated or corrupt gzip file (${messageOf(error)}); fetch it again`);
  }
}

/** @throws InputError if there is no such file, naming the place and what else should be there. */
export function requireFile({ place, files }: NamedFiles, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes)
    throw new InputError(`${place}: ${name} is missing; it should lie beside ${[...files.keys()].join(', ')}`);
  return bytes;
}

async function collect(entries: tar.Extract, wanted: readonly string[]): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for await (const entry of entries) {
    const name = path.posix.basename(entry.header.name);
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry) if (wanted.includes(name)) chunks.push(chunk as Buffer);
    if (chunks.length > 0) files.set(name, Buffer.concat(chunks));
  }
  return files;
}

async function readIfPresent(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw new InputError(`${file}: cannot be read (${messageOf(error)})`);
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
