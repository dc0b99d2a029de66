/**
 * MNIST and its likes in IDX files (http://yann.lecun.com/exdb/mnist/), plain or .gz. The grey 28x28 images are padded
 * with zeros to 32x32 and repeated on three channels, so that networks for CIFAR-10 take them as they are.
 */
import path from 'node:path';
import { InputError } from '../../errors.js';
import { type Dataset, emptyImageSet, type ImageSet } from '../imageSet.js';
import { readMaybeGzip } from './namedFiles.js';

const side = 32;
/** Black pixels on each side of the usual images of 28x28. */
export const padding = 2;
const channels = 3;
const classes = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
/** The usual places; torchvision keeps the files in MNIST/raw. */
const usualFolders = ['data', 'data/mnist', 'data/MNIST/raw'];

interface IdxFile {
  readonly file: string;
  readonly shape: readonly number[];
  readonly values: Uint8Array;
}

/**
 * @param location a folder with the four files; absent: ./data, ./data/mnist, ./data/MNIST/raw
 * @throws InputError if a file is missing or damaged, images and labels do not fit, or a label is above 9.
 */
export async function loadMnist(location: string | undefined): Promise<Dataset> {
  const folders = location === undefined ? usualFolders : [location];
  for (const folder of folders) {
    const trainImages = await readIdx(folder, 'train-images', 3);
    if (!trainImages) continue;
    const train = toImageSet(trainImages, await requireIdx(folder, 'train-labels', 1));
    const test = toImageSet(await requireIdx(folder, 't10k-images', 3), await requireIdx(folder, 't10k-labels', 1));
    return { name: 'mnist', classes, train, test };
  }
  throw new InputError(
    `${folders.join(', ')}: no MNIST here; wanted: train-images-idx3-ubyte, train-labels-idx1-ubyte, ` +
      't10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or .gz (--data mnist:FOLDER)',
  );
}

async function requireIdx(folder: string, stem: string, rank: number): Promise<IdxFile> {
  const found = await readIdx(folder, stem, rank);
  if (!found) throw new InputError(`${path.join(folder, `${stem}-idx${rank}-ubyte`)}[.gz] is missing`);
  return found;
}

/** Some mirrors write a dot before idx. */
async function readIdx(folder: string, stem: string, rank: number): Promise<IdxFile | undefined> {
  for (const name of [`${stem}-idx${rank}-ubyte`, `${stem}.idx${rank}-ubyte`]) {
    for (const file of [path.join(folder, name), path.join(folder, `${name}.gz`)]) {
      const bytes = await readMaybeGzip(file);
      if (bytes) return parseIdx(file, bytes, rank);
    }
  }
  return undefined;
}

/** Header: two zeros, type 8 (unsigned bytes), rank, then the sizes as big-endian uint32. */
function parseIdx(file: string, bytes: Uint8Array, rank: number): IdxFile {
  const headerBytes = 4 + 4 * rank;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < headerBytes || view.getUint32(0) !== 0x800 + rank) {
    throw new InputError(`${file}: no IDX file of unsigned bytes with ${rank} dimensions`);
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = headerBytes + shape.reduce((product, size) => product * size, 1);
  if (bytes.length !== expected) {
    throw new InputError(
      `${file}: truncated or corrupt; its header (${shape.join('x')}) promises ${expected} bytes, ` +
        `it has ${bytes.length}; fetch it again`,
    );
  }
  return { file, shape, values: bytes.subarray(headerBytes) };
}

function toImageSet(images: IdxFile, labels: IdxFile): ImageSet {
  const [count = 0, rows = 0, columns = 0] = images.shape;
  if (labels.shape[0] !== count || count === 0) {
    throw new InputError(`${labels.file}: ${labels.shape[0]} labels for the ${count} images of ${images.file}`);
  }
  if (rows > side || columns > side) {
    throw new InputError(`${images.file}: images of ${rows}x${columns}; at most ${side}x${side} can be padded`);
  }
  const set = emptyImageSet(count, side, side, channels);
  const top = (side - rows) >> 1;
  const left = (side - columns) >> 1;
  for (let image = 0; image < count; image++) {
    const label = labels.values[image]!;
    if (label >= classes.length) {
      throw new InputError(`${labels.file}: image ${image} has label ${label}; labels 0 to 9 are allowed`);
    }
    set.labels[image] = label;
    for (let row = 0; row < rows; row++) {
      const source = (image * rows + row) * columns;
      const target = ((image * side + top + row) * side + left) * channels;
      for (let column = 0; column < columns; column++) {
        const grey = images.values[source + column]!;
        for (let channel = 0; channel < channels; channel++) set.images[target + column * channels + channel] = grey;
      }
    }
  }
  return set;
}
