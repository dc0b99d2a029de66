/**
 * MNIST and similar sets in IDX files (http://yann.lecun.com/exdb/mnist/), plain or .gz. The grey 28x28 images are
 * padded with zeros to 32x32 and repeated on three channels, so that networks for CIFAR-10 accept them.
 */

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isMissing, readFault } from '../../disk/fileFault.js';
import { elementCount } from '../../elementCount.js';
import { InputError } from '../../errors.js';
import { type Dataset, emptyImageSet, type ImageSet } from '../imageSet.js';
import { readMaybeGzip } from './namedFiles.js';

const side = 32;
/** Black pixels on each side of the images of 28x28. */
export const padding = 2;
const channels = 3;
/** Folders of the files below a dataset's folder; torchvision uses NAME/raw. */
const inner = ['.', 'raw', 'MNIST/raw', 'FashionMNIST/raw', 'KMNIST/raw', 'EMNIST/raw'];
/** Folders to look in if none is given. */
const usualFolders = ['data', 'data/mnist'];

const digits = [...'0123456789'];
const capitals = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
/**
 * The classes of EMNIST's sets (G. Cohen et al., EMNIST: an extension of MNIST to handwritten letters, 2017), where
 * small and capital letters that look alike are one class.
 */
const emnistClasses: Readonly<Record<string, readonly string[]>> = {
  balanced: [...digits, ...capitals, ...'abdefghnqrt'],
  byclass: [...digits, ...capitals, ...'abcdefghijklmnopqrstuvwxyz'],
  bymerge: [...digits, ...capitals, ...'abdefghnqrt'],
  digits,
  letters: [...'abcdefghijklmnopqrstuvwxyz'],
  mnist: digits,
};

/** The four files of a set. */
interface IdxSet {
  readonly folder: string;
  /** Prefix of the files' names, before `train` and `t10k` (EMNIST: `test`). */
  readonly prefix: string;
  readonly classes: readonly string[];
}

interface IdxFile {
  readonly file: string;
  readonly shape: readonly number[];
  readonly values: Uint8Array;
}

/**
 * Loads MNIST or a similar set.
 *
 * @param location a folder with the four files, torchvision's root, or for EMNIST the folder and a set's name, such as
 *   FOLDER/emnist-letters; absent for ./data or ./data/mnist
 * @throws InputError if a file is missing or damaged, if images and labels do not fit, if a label is no class, or if
 *   there are several sets to choose from
 */
export async function loadMnist(location: string | undefined): Promise<Dataset> {
  const folders = location === undefined ? usualFolders : [location];
  const [set, ...others] = (await Promise.all(folders.map(setsBelow))).flat();
  if (!set) {
    throw new InputError(
      `${folders.join(', ')}: no MNIST here; wanted: train-images-idx3-ubyte, train-labels-idx1-ubyte, ` +
        't10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz (--data mnist:FOLDER)',
    );
  }
  if (others.length > 0 && location !== undefined) {
    const places = [set, ...others].map(({ folder, prefix }) => path.join(folder, prefix.replace(/-$/, '')));
    throw new InputError(`${location}: holds several sets; name one of ${places.join(', ')} (--data mnist:PLACE)`);
  }
  const read = async (part: string) => {
    const labels = await requireIdx(set.folder, `${set.prefix}${part}-labels`, 1);
    return toImageSet(await requireIdx(set.folder, `${set.prefix}${part}-images`, 3), labels, set);
  };
  return {
    name: 'mnist',
    classes: set.classes,
    train: await read('train'),
    test: await read(isEmnist(set) ? 'test' : 't10k'),
  };
}

/** The sets in the folders below `location`, or the one named by its last part. */
async function setsBelow(location: string): Promise<IdxSet[]> {
  const named = /^emnist-[a-z]+$/.exec(path.basename(location));
  if (named) return (await setsBelow(path.dirname(location))).filter(({ prefix }) => prefix === `${named[0]}-`);
  const found: IdxSet[] = [];
  for (const folder of inner.map((name) => path.join(location, name))) {
    const names = await namesIn(folder);
    const prefixes = names.flatMap(
      (name) => /^((?:emnist-[a-z]+-)?)train-images[-.]idx3-ubyte(?:\.gz)?$/.exec(name)?.[1] ?? [],
    );
    for (const prefix of new Set(prefixes)) {
      const classes = prefix === '' ? digits : emnistClasses[prefix.slice('emnist-'.length, -1)];
      if (classes) found.push({ folder, prefix, classes });
    }
  }
  return found;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw readFault(error, folder);
  }
}

function isEmnist({ prefix }: IdxSet): boolean {
  return prefix !== '';
}

async function requireIdx(folder: string, stem: string, rank: number): Promise<IdxFile> {
  // Some mirrors write a dot before idx.
  for (const name of [`${stem}-idx${rank}-ubyte`, `${stem}.idx${rank}-ubyte`]) {
    for (const file of [path.join(folder, name), path.join(folder, `${name}.gz`)]) {
      const bytes = await readMaybeGzip(file);
      if (bytes) return parseIdx(file, bytes, rank);
    }
  }
  throw new InputError(`${path.join(folder, `${stem}-idx${rank}-ubyte`)}[.gz] is missing`);
}

/** Header: two zeros, type 8 (unsigned bytes), rank, then the sizes as big-endian uint32. */
function parseIdx(file: string, bytes: Uint8Array, rank: number): IdxFile {
  const headerBytes = 4 + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headerBytes || view.getUint32(0) !== 0x800 + rank) {
    throw new InputError(`${file}: no IDX file of unsigned bytes with ${rank} dimensions`);
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = headerBytes + elementCount(shape);
  if (bytes.length !== expected) {
    throw new InputError(
      `${file}: truncated or corrupt; its header (${shape.join('x')}) promises ${expected} bytes, ` +
        `it has ${bytes.length}; fetch it again`,
    );
  }
  return { file, shape, values: bytes.subarray(headerBytes) };
}

/** The set of images. EMNIST's letters are labelled from 1, and its images are transposed. */
function toImageSet(images: IdxFile, labels: IdxFile, set: IdxSet): ImageSet {
  const firstLabel = set.prefix === 'emnist-letters-' ? 1 : 0;
  const lastLabel = firstLabel + set.classes.length - 1;
  const isTransposed = isEmnist(set);
  const [count = 0, rows = 0, columns = 0] = images.shape;
  if (labels.shape[0] !== count || count === 0) {
    throw new InputError(`${labels.file}: ${labels.shape[0]} labels for the ${count} images of ${images.file}`);
  }
  if (rows > side || columns > side) {
    throw new InputError(`${images.file}: images of ${rows}x${columns}; at most ${side}x${side} can be padded`);
  }
  const result = emptyImageSet(count, side, side, channels);
  const top = (side - rows) >> 1;
  const left = (side - columns) >> 1;
  for (let image = 0; image < count; image++) {
    const label = labels.values[image]!;
    if (label < firstLabel || label > lastLabel) {
      throw new InputError(
        `${labels.file}: image ${image} has label ${label}; labels ${firstLabel} to ${lastLabel} are allowed`,
      );
    }
    result.labels[image] = label - firstLabel;
    for (let row = 0; row < rows; row++) {
      const target = ((image * side + top + row) * side + left) * channels;
      for (let column = 0; column < columns; column++) {
        const source = isTransposed ? column * rows + row : row * columns + column;
        const grey = images.values[image * rows * columns + source]!;
        for (let channel = 0; channel < channels; channel++) result.images[target + column * channels + channel] = grey;
      }
    }
  }
  return result;
}
