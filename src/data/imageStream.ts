/**
 * Images that are too many to be resident: a list of files, decoded batch by batch ahead of the engine. At most
 * `batchesAhead` batches of decoded images are in memory, and as many are being decoded.
 *
 * Nothing here is random or depends on timing: the batch table determines image, crop and place in a batch.
 */
import type { BatchTable } from './batches.js';
import { evaluationCrop, type Region, type Size } from './crops.js';
import type { ImageSet, InputArray } from './imageSet.js';

/** A file in the folder of its class. */
export interface ClassFile {
  readonly file: string;
  /** Path below the folder of the set, with slashes: CLASS/NAME. The same wherever the folder is. */
  readonly name: string;
  /** Index into the classes. */
  readonly label: number;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/**
 * How an image becomes a square:
 *
 * - `fill`: upright (EXIF) and in sRGB (ICC), scaled to fill a square and cropped evenly; without `side` in its own
 *   size.
 * - `region`: a part of it, scaled to a square.
 * - `centre`: scaled, then a part of that.
 *
 * The last two use pixels as stored, as torchvision's ImageFolder does: neither turned nor converted by a profile. They
 * are scaled with a triangle filter as wide as the reduction, like PIL's bilinear one. (When enlarging, libvips' result
 * is shifted by half a pixel of its own from PIL's.)
 */
export type Framing =
  | { readonly type: 'fill'; readonly side?: number | undefined }
  | { readonly type: 'region'; readonly region: Region; readonly side: number }
  | { readonly type: 'centre'; readonly scaled: Size; readonly cut: Region };

/** Decodes files ahead of the engine (`files/decoders.ts` does so in child processes). */
export interface Decoders {
  /** Number of images decoded at a time. */
  readonly threads: number;
  /**
   * Reads width and height from the header of a file. Rejects with an `InputError` that names a file without a valid
   * header.
   */
  measure(file: string): Promise<Size>;
  /**
   * Fills `target` with the RGB bytes of an image, unless these are more or less. Resolves to the image's size. Images are
   * started in the order of the calls. Rejects with an `InputError` that names a file that cannot be decoded.
   */
  decode(file: string, framing: Framing, target: Uint8Array): Promise<Size>;
  /** Ends the processes; pending images are rejected. Idle processes do not keep the program alive. */
  close(): Promise<void>;
}

export interface ImageStream {
  readonly files: readonly ClassFile[];
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** `fill`: decoded like resident images; `crop`: the crops of `crops.ts`, random ones while training. */
  readonly framing: 'fill' | 'crop';
  /** [count, 2]: stored width and height, needed for crops; null until the files have been checked. */
  readonly sizes: Int32Array | null;
  readonly decoders: Decoders;
}

/** Images as values, or as files that are decoded on demand. */
export type Images = ImageSet<InputArray> | ImageStream;

export function isStream(images: Images): images is ImageStream {
  return 'files' in images;
}

/** The images without targets, for a program without a loss. */
export function withoutTargets(images: Images): Images {
  if (isStream(images)) return images;
  const { targets: _, ...inputs } = images;
  return inputs;
}

/** Width and height of each image, [count, 2], for random crops. */
export function sizesOf(images: Images): Int32Array {
  if (!isStream(images) || !images.sizes) throw new Error('random crops need the sizes of streamed images');
  return images.sizes;
}

/** The images of a batch as stored on the device. */
export interface DecodedBatch {
  /** [batchSize, height, width, channels]; padding is undefined. */
  readonly images: Uint8Array;
  /** [batchSize] */
  readonly labels: Int32Array;
  /** [batchSize, 2]: position in this batch (-1 for padding), augmentation word. */
  readonly entries: Int32Array;
}

/** The batches of a table, one after another. */
export interface ReadAhead {
  /** The next batch, valid until the next call of `next`. Rejects with the error of the decoder. */
  next(): Promise<DecodedBatch>;
}

/** Number of batches decoded ahead, enough that neither a slow image nor a pause of the engine makes the other wait. */
const batchesAhead = 4;

/** Starts decoding the batches of `table`, from index `first`. */
export function readAhead(stream: ImageStream, table: BatchTable, first = 0): ReadAhead {
  const { batches, batchSize } = table;
  const imageBytes = stream.height * stream.width * stream.channels;
  const buffers = Array.from({ length: Math.min(batchesAhead, batches - first) }, () => ({
    images: new Uint8Array(batchSize * imageBytes),
    labels: new Int32Array(batchSize),
    entries: new Int32Array(2 * batchSize),
  }));
  const pending: Promise<DecodedBatch>[] = [];
  let begun = first;
  const begin = (): void => {
    const batch = begun++;
    const buffer = buffers[(batch - first) % buffers.length]!;
    const decoded = decodeBatch(stream, table, batch, buffer);
    // It may be awaited after it has failed, or never, if the run ends before.
    decoded.catch(() => undefined);
    pending.push(decoded);
  };
  for (const _ of buffers) begin();
  return {
    next: async () => {
      // The batch returned last is no longer in use: its buffer takes the next one.
      if (pending.length < buffers.length && begun < batches) begin();
      const decoded = pending.shift();
      if (!decoded) throw new Error('there are no more batches');
      return decoded;
    },
  };
}

async function decodeBatch(
  stream: ImageStream,
  table: BatchTable,
  batch: number,
  target: DecodedBatch,
): Promise<DecodedBatch> {
  const { batchSize, entries, crops } = table;
  const imageBytes = target.images.length / batchSize;
  const start = batch * batchSize;
  const decoding: Promise<Size>[] = [];
  for (let place = 0; place < batchSize; place++) {
    const entry = start + place;
    const image = entries[2 * entry]!;
    target.entries[2 * place] = image < 0 ? -1 : place;
    target.entries[2 * place + 1] = entries[2 * entry + 1]!;
    if (image < 0) continue;
    const { file, label } = stream.files[image]!;
    target.labels[place] = label;
    const bytes = target.images.subarray(place * imageBytes, (place + 1) * imageBytes);
    decoding.push(stream.decoders.decode(file, framingOf(stream, image, cropAt(crops, entry)), bytes));
  }
  await Promise.all(decoding);
  return target;
}

function framingOf(stream: ImageStream, image: number, region: Region | null): Framing {
  const side = stream.width;
  if (stream.framing === 'fill') return { type: 'fill', side };
  if (region) return { type: 'region', region, side };
  const sizes = sizesOf(stream);
  const size = { width: sizes[2 * image]!, height: sizes[2 * image + 1]! };
  return { type: 'centre', ...evaluationCrop(size, side) };
}

function cropAt(crops: Int32Array | undefined, entry: number): Region | null {
  if (!crops) return null;
  const at = (position: number) => crops[4 * entry + position]!;
  return { left: at(0), top: at(1), width: at(2), height: at(3) };
}
