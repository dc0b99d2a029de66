/**
 * The cache of a decoded image folder: one file for each folder and image size, rewritten when the folder changes.
 *
 *     bytes 0-7    "MPDNNIMG"
 *     bytes 8-11   uint32 little-endian: length of the header
 *     header       JSON: fingerprint of the folder, shapes, SHA-256 of both and of what follows
 *     then         for train and for test: images (bytes), labels (int32 little-endian)
 *
 * A damaged or outdated cache is ignored.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { emptyImageSet, type ImageSet } from '../imageSet.js';
import type { ClassFile } from '../imageStream.js';
import type { ImageFolderOptions } from './imageFolder.js';

const magic = 'MPDNNIMG';
/** Headers have some 250 bytes; a longer one is damaged, and nothing is allocated for it. */
const longestHeader = 1000;
/** Bytes a read or write call: less than 2 GiB, and small enough to stay in the processor's cache for the checksum. */
const chunkBytes = 1 << 20;

type Files = readonly [readonly ClassFile[], readonly ClassFile[]];
type Sets = [ImageSet, ImageSet];

/** The header without the checksum. */
interface Description {
  readonly fingerprint: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly counts: readonly [number, number];
}

interface Header extends Description {
  readonly sha256: string;
}

/** The cached images of exactly these files, if there are any. */
export async function readCachedImages(
  location: string,
  files: Files,
  options: ImageFolderOptions,
): Promise<Sets | undefined> {
  const handle = await open(cacheFile(location, options)).catch(() => undefined);
  if (!handle) return undefined;
  try {
    const { sha256, ...description } = await readHeader(handle);
    if (description.fingerprint !== fingerprintOf(location, files, options)) return undefined;
    const { counts, height, width, channels } = description;
    // Checked before memory is allocated; an image has its pixels and a label of four bytes.
    const bytes = (counts[0] + counts[1]) * (height * width * channels + 4);
    const { size } = await handle.stat();
    if (size !== magic.length + 4 + headerOf(description, sha256).length + bytes) return undefined;
    const sets: Sets = [
      emptyImageSet(counts[0], height, width, channels),
      emptyImageSet(counts[1], height, width, channels),
    ];
    for (const chunk of payload(sets)) await readFully(handle, chunk);
    return checksum(description, sets) === sha256 ? sets : undefined;
  } catch {
    // After any error the images are decoded again and the file is replaced.
    return undefined;
  } finally {
    await handle.close();
  }
}

/** Writes the cache under a temporary name and renames it, so that no reader sees half of it. */
export async function writeCachedImages(
  location: string,
  files: Files,
  sets: Sets,
  options: ImageFolderOptions,
): Promise<void> {
  const target = cacheFile(location, options);
  const aside = `${target}.${randomUUID()}`;
  const [{ height, width, channels, count }, test] = sets;
  const fingerprint = fingerprintOf(location, files, options);
  const description: Description = { fingerprint, height, width, channels, counts: [count, test.count] };
  const headerBytes = headerOf(description, checksum(description, sets));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(headerBytes.length);
  try {
    await mkdir(options.cacheDirectory, { recursive: true });
    const handle = await open(aside, 'wx');
    try {
      for (const chunk of [Buffer.from(magic), length, headerBytes, ...payload(sets)]) await handle.writeFile(chunk);
    } finally {
      await handle.close();
    }
    await rename(aside, target);
  } catch {
    // An unwritable cache (full disk, read-only home) only costs time at the next start.
    await unlink(aside).catch(() => undefined);
  }
}

function cacheFile(location: string, { cacheDirectory, imageSize }: ImageFolderOptions): string {
  const hash = createHash('sha256').update(JSON.stringify([path.resolve(location), imageSize ?? null]));
  return path.join(cacheDirectory, `images-${hash.digest('hex').slice(0, 16)}.bin`);
}

/** A hash that changes when a file is added, removed, renamed, resized or touched. */
function fingerprintOf(location: string, files: Files, { imageSize }: ImageFolderOptions): string {
  const hash = createHash('sha256').update(JSON.stringify([2, path.resolve(location), imageSize ?? null]));
  for (const { file, label, bytes, modifiedMs } of files.flat()) {
    hash.update(JSON.stringify([path.relative(location, file), label, bytes, modifiedMs]));
  }
  return hash.digest('hex');
}

function headerOf(description: Description, sha256: string): Buffer {
  return Buffer.from(JSON.stringify({ ...description, sha256 } satisfies Header));
}

function checksum(description: Description, sets: Sets): string {
  const hash = createHash('sha256').update(JSON.stringify(description));
  for (const chunk of payload(sets)) hash.update(chunk);
  return hash.digest('hex');
}

async function readHeader(handle: FileHandle): Promise<Header> {
  const start = new Uint8Array(magic.length + 4);
  await readFully(handle, start);
  if (Buffer.from(start.subarray(0, magic.length)).toString() !== magic) throw new Error('not a cache');
  const length = new DataView(start.buffer).getUint32(magic.length, true);
  if (length > longestHeader) throw new Error('damaged');
  const header = new Uint8Array(length);
  await readFully(handle, header);
  return JSON.parse(Buffer.from(header).toString()) as Header;
}

async function readFully(handle: FileHandle, target: Uint8Array): Promise<void> {
  for (let filled = 0; filled < target.length; ) {
    const { bytesRead } = await handle.read(target, filled);
    if (bytesRead === 0) throw new Error('truncated');
    filled += bytesRead;
  }
}

/** The arrays' memory in chunks, in file order; all machines that run Node are little-endian. */
function* payload(sets: Sets): Generator<Uint8Array> {
  for (const { images, labels } of sets) {
    for (const bytes of [images, new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength)]) {
      for (let from = 0; from < bytes.length; from += chunkBytes) yield bytes.subarray(from, from + chunkBytes);
    }
  }
}
