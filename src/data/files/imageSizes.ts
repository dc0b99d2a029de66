/**
 * Reads the header of every image of a stream before training begins: a run of days should not end at a file that could
 * have been found in minutes, and random crops need the sizes. Sizes are cached, so that the next start opens no file.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { InputError } from '../../errors.js';
import type { Size } from '../crops.js';
import type { ClassFile, Decoders, ImageStream } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import { measureImage } from './decodeImage.js';
import { inLanes } from './inLanes.js';
import { undecodable } from './undecodable.js';

interface MeasureOptions {
  readonly cacheDirectory: string;
  readonly onProgress?: OnProgress | undefined;
}

/** Number of files read at a time for each thread, so that none waits for this process. */
const inFlight = 8;
/** Number of files between progress reports. */
const reportEvery = 500;

/**
 * The stream with the sizes of its images.
 *
 * @throws InputError with the first file whose header cannot be read, and the number of others
 */
export async function measured(stream: ImageStream, options: MeasureOptions): Promise<ImageStream> {
  const { files, decoders } = stream;
  const fingerprint = hash(files.map(({ file, bytes, modifiedMs }) => [file, bytes, modifiedMs]));
  // One cache file for every list of names, replaced when the files change.
  const cache = path.join(options.cacheDirectory, `sizes-${hash(files.map(({ file }) => file)).slice(0, 16)}.bin`);
  const known = await readSizes(cache, fingerprint, files.length);
  if (known) return { ...stream, sizes: known };
  const sizes = await measureAll(files, decoders, options.onProgress);
  await writeSizes(cache, fingerprint, sizes);
  return { ...stream, sizes };
}

async function measureAll(
  files: readonly ClassFile[],
  decoders: Decoders,
  onProgress: OnProgress | undefined,
): Promise<Int32Array> {
  const sizes = new Int32Array(2 * files.length);
  const faults = new Map<number, InputError>();
  const lanes = inFlight * decoders.threads;
  await inLanes(files.length, { lanes, reportEvery, task: 'check images', onProgress }, async (index) => {
    try {
      const { width, height } = await decoders.measure(files[index]!.file);
      sizes.set([width, height], 2 * index);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      faults.set(index, error);
    }
  });
  const first = files.findIndex((_, index) => faults.has(index));
  if (first < 0) return sizes;
  const others = faults.size > 1 ? ` (and ${faults.size - 1} more of ${files.length} files)` : '';
  throw new InputError(`${faults.get(first)!.message}${others}`);
}

/**
 * Reads the cache file: fingerprint and checksum of the sizes (64 characters each), then width and height of each image
 * (int32, in this machine's byte order).
 */
async function readSizes(file: string, fingerprint: string, count: number): Promise<Int32Array | undefined> {
  const bytes = await readFile(file).catch(() => undefined);
  const start = 2 * fingerprint.length;
  if (bytes?.length !== start + 8 * count) return undefined;
  const sizes = new Int32Array(new Uint8Array(bytes.subarray(start)).buffer);
  return bytes.subarray(0, start).toString() === fingerprint + checksum(sizes) ? sizes : undefined;
}

function checksum(sizes: Int32Array): string {
  return createHash('sha256').update(new Uint8Array(sizes.buffer)).digest('hex');
}

async function writeSizes(file: string, fingerprint: string, sizes: Int32Array): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(aside, Buffer.concat([Buffer.from(fingerprint + checksum(sizes)), Buffer.from(sizes.buffer)]));
    await rename(aside, file);
  } catch {
    // An unwritable cache only costs time at the next start.
    await unlink(aside).catch(() => undefined);
  }
}

function hash(values: readonly unknown[]): string {
  const sha = createHash('sha256');
  for (const value of values) sha.update(JSON.stringify(value));
  return sha.digest('hex');
}

/**
 * The stored sizes of at most `count` of the files, spread evenly.
 *
 * @throws InputError with the file whose header cannot be read
 */
export async function sampledSizes(files: readonly ClassFile[], count = 64): Promise<Size[]> {
  const step = Math.max(1, files.length / count);
  const sample = Array.from({ length: Math.min(count, files.length) }, (_, i) => files[Math.floor(i * step)]!.file);
  return Promise.all(
    sample.map((file) =>
      measureImage(file).catch((error: Error) => {
        throw undecodable(file, error.message.split('\n')[0]!);
      }),
    ),
  );
}
