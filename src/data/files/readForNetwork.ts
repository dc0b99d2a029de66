/** Reads files as inputs of a trained network: images decoded and cropped like its test images, arrays as they are. */

import { access, stat } from 'node:fs/promises';
import path from 'node:path';
import { readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import { evaluationCrop } from '../crops.js';
import type { DataSpec } from '../dataSpec.js';
import type { Features } from '../features.js';
import { emptyImageSet, type ImageSet, type InputArray, type InputType, inputType, joined } from '../imageSet.js';
import { readInputs } from './arrays.js';
import { readCsvInputs } from './csv.js';
import { type DecodedImage, decodeImage, measureImage } from './decodeImage.js';
import { padding as mnistPadding } from './mnist.js';
import { readClipInput } from './sounds.js';
import { undecodable } from './undecodable.js';

/** Inputs and their names. */
export interface NamedInputs {
  readonly inputs: ImageSet<InputArray>;
  readonly names: readonly string[];
}

export interface NetworkInput {
  /** Height, width and channels. */
  readonly image: readonly [number, number, number];
  readonly values: InputType;
  readonly features?: Features | undefined;
  /** The training data: their kind, and whether they were cropped. */
  readonly kind: DataSpec['kind'];
  readonly framing: 'fill' | 'crop';
}

/**
 * The inputs in the order of their files: one for an image, all rows of a .npy or .csv file.
 *
 * @throws InputError with the first file that is missing, damaged, or of a size or type that the network does not
 *   accept
 */
export async function readForNetwork(files: readonly string[], input: NetworkInput): Promise<NamedInputs> {
  const readers = files.map((file) => readerOf(file, input));
  const image = files.find((_, index) => readers[index] === null);
  const others = insteadOfImages(input);
  if (image !== undefined && others !== null) {
    await access(image).catch((error) => {
      throw readFault(error, image);
    });
    throw new InputError(`${image}: this network takes ${others}`);
  }
  if (readers.every((reader) => reader === null)) {
    return { inputs: await decodeImagesForNetwork(files, input), names: files };
  }
  if (image !== undefined) throw new InputError(`${image}: give either images or .npy files, not both`);
  const sets: ImageSet<InputArray>[] = [];
  const names: string[] = [];
  for (const [index, file] of files.entries()) {
    const set = await readers[index]!();
    if (inputType(set) !== input.values) {
      throw new InputError(`${file}: holds ${inputType(set)}, the network takes ${input.values}`);
    }
    sets.push(set);
    for (let row = 0; row < set.count; row++) names.push(set.count === 1 ? file : `${file}[${row}]`);
  }
  return { inputs: joined(sets as [ImageSet<InputArray>, ...ImageSet<InputArray>[]]), names };
}

/** What a network takes in place of images, and in which files; null if it takes images. */
function insteadOfImages({ image: [, , channels], values, features }: NetworkInput): string | null {
  if (features?.of === 'sound') return 'clips; give .wav files';
  if (features?.of === 'columns') return 'floats; give .csv or .npy files';
  if (values === 'floats') return 'floats; give .npy files';
  return channels === 3 ? null : `${channels}-channel inputs, images have 3; give .npy files`;
}

/** A reader for a file of numbers; null for a file that should be an image. */
function readerOf(file: string, { image, features }: NetworkInput): (() => Promise<ImageSet<InputArray>>) | null {
  switch (path.extname(file).toLowerCase()) {
    case '.npy':
      return () => readInputs(file, image);
    case '.csv':
      if (features?.of === 'columns') return () => readCsvInputs(file, features);
      throw new InputError(`${file}: this network was not trained on tables (csv:FILE)`);
    case '.wav':
      if (features?.of === 'sound') return () => readClipInput(file, features);
      throw new InputError(`${file}: this network was not trained on clips (wav:DIR)`);
    default:
      return null;
  }
}

/**
 * The images in the order of their files. Squares are filled and cropped evenly, or cut out of the middle if the
 * network was trained on crops; MNIST's images keep their black border; other images must have the network's size.
 *
 * @throws InputError with the first file that is missing, cannot be decoded or has another size
 */
async function decodeImagesForNetwork(files: readonly string[], input: NetworkInput): Promise<ImageSet> {
  const [height, width, channels] = input.image;
  const set = emptyImageSet(files.length, height, width, channels);
  const edge = input.kind === 'mnist' ? mnistPadding : 0;
  const [innerHeight, innerWidth] = [height - 2 * edge, width - 2 * edge];
  for (const [index, file] of files.entries()) {
    const image = await decode(file, innerHeight === innerWidth ? innerWidth : undefined, input.framing);
    if (image.height !== innerHeight || image.width !== innerWidth) {
      throw new InputError(`${file}: ${image.width}x${image.height}, the network takes ${width}x${height}`);
    }
    for (let row = 0; row < innerHeight; row++) {
      const target = ((index * height + row + edge) * width + edge) * channels;
      const length = innerWidth * channels;
      set.images.set(image.data.subarray(row * length, (row + 1) * length), target);
    }
  }
  return set;
}

async function decode(file: string, side: number | undefined, framing: NetworkInput['framing']): Promise<DecodedImage> {
  try {
    if (framing === 'fill' || side === undefined) return await decodeImage(file, { type: 'fill', side });
    // Reports a missing file in our own words instead of those of libvips.
    await stat(file);
    return await decodeImage(file, { type: 'centre', ...evaluationCrop(await measureImage(file), side) });
  } catch (error) {
    const fault = readFault(error, file);
    throw fault instanceof InputError ? fault : undecodable(file, (error as Error).message.split('\n')[0]!);
  }
}
