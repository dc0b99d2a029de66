/**
 * Image folders: DIR/train/CLASS/** and DIR/val (or DIR/test)/CLASS/**, one folder a class. Decoding is slow (60 000
 * small JPEGs: a minute of one core), so resident images are decoded once, into a cache file
 * (imageFolderCache.ts). Sets too large for that, or trained on random crops, are decoded on demand (imageStream.ts).
 */
import path from 'node:path';
import { InputError } from '../../errors.js';
import type { Dataset, ImageSet } from '../imageSet.js';
import type { ClassFile, Decoders, ImageStream } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import { type FileKind, foldersIn, isFolder, leftOutNote, listFiles } from './classFolders.js';
import { decodeImages } from './decodeImages.js';
import { readCachedImages, writeCachedImages } from './imageFolderCache.js';

/** The formats that sharp's libvips reads. */
const images: FileKind = {
  plural: 'images',
  endings: ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif', '.avif'],
};

export interface ImageFolderOptions {
  /** Side of the square that images are scaled to fill (cropped at the centre); absent for images of one size. */
  readonly imageSize?: number | undefined;
  readonly cacheDirectory: string;
  readonly onProgress?: OnProgress | undefined;
}

/** The files of an image folder, found but not opened; there may be none for training. */
export interface FolderListing {
  readonly location: string;
  readonly classes: readonly string[];
  readonly train: readonly ClassFile[];
  readonly test: readonly ClassFile[];
  /** Notes about ignored files. */
  readonly notes: readonly string[];
}

/**
 * Lists the files of an image folder.
 *
 * @throws InputError if a folder, a class or the images of a class are missing
 */
export function listImageFolder(location: string): FolderListing {
  const trainFolder = path.join(location, 'train');
  const testFolder = ['val', 'test'].map((name) => path.join(location, name)).find(isFolder);
  if (!isFolder(trainFolder)) throw new InputError(`${trainFolder}: no such folder; wanted: DIR/train/CLASS/*`);
  if (!testFolder) throw new InputError(`${location}: has neither val nor test; wanted: DIR/val/CLASS/*`);
  const classes = foldersIn(trainFolder);
  if (classes.length === 0) {
    throw new InputError(`${trainFolder}: no class folders; wanted: a folder with images for each class`);
  }
  const strange = foldersIn(testFolder).find((name) => !classes.includes(name));
  if (strange) throw new InputError(`${path.join(testFolder, strange)}: this class is not in ${trainFolder}`);
  const [train, test] = [listFiles(trainFolder, classes, images), listFiles(testFolder, classes, images)];
  const notes = leftOutNote(location, [train.leftOut, test.leftOut], images);
  return { location, classes, train: train.files, test: test.files, notes };
}

/**
 * Lists the images for an evaluation: DIR/val/CLASS/*, DIR/test/CLASS/* or DIR/CLASS/*.
 *
 * @throws InputError if there is no class, or one without images
 */
export function listTestFolder(given: string): FolderListing {
  const location = ['val', 'test'].map((name) => path.join(given, name)).find(isFolder) ?? given;
  const classes = foldersIn(location);
  if (classes.length === 0) {
    throw new InputError(`${location}: no class folders; wanted: DIR/CLASS/*, DIR/val/CLASS/* or DIR/test/CLASS/*`);
  }
  const { files, leftOut } = listFiles(location, classes, images);
  return { location, classes, train: [], test: files, notes: leftOutNote(location, [leftOut], images) };
}

/**
 * Loads all images as bytes.
 *
 * @throws InputError if an image cannot be decoded, or if sizes differ and `imageSize` is not given
 */
export async function loadImageFolder(listing: FolderListing, options: ImageFolderOptions): Promise<Dataset> {
  const { location, classes, notes } = listing;
  const { imageSize } = options;
  if (imageSize !== undefined && !(Number.isInteger(imageSize) && imageSize > 0)) {
    throw new InputError(`image size ${imageSize}: give a positive whole number of pixels`);
  }
  const cached = await readCachedImages(location, [listing.train, listing.test], options);
  const [train, test] = cached ?? (await decode(location, [listing.train, listing.test], options));
  return { name: folderName(location), classes, train, test, notes };
}

/** A stream of images decoded on demand into squares of `imageSize` pixels; nothing is read yet. */
export function streamImageFolder(
  { location, classes, train, test, notes }: FolderListing,
  imageSize: number,
  framing: ImageStream['framing'],
  decoders: Decoders,
): Dataset<ImageStream> {
  const stream = (files: readonly ClassFile[]): ImageStream => {
    const shape = { height: imageSize, width: imageSize, channels: 3 };
    return { files, count: files.length, ...shape, framing, sizes: null, decoders };
  };
  return { name: folderName(location), classes, train: stream(train), test: stream(test), notes };
}

async function decode(
  location: string,
  files: readonly [readonly ClassFile[], readonly ClassFile[]],
  options: ImageFolderOptions,
): Promise<[ImageSet, ImageSet]> {
  const { imageSize, onProgress } = options;
  const all = await decodeImages(files.flat(), imageSize, onProgress);
  const { height, width, channels } = all;
  const part = (from: number, to: number): ImageSet => {
    const size = height * width * channels;
    const images = all.images.subarray(from * size, to * size);
    return { images, labels: all.labels.subarray(from, to), count: to - from, height, width, channels };
  };
  const sets: [ImageSet, ImageSet] = [part(0, files[0].length), part(files[0].length, all.count)];
  await writeCachedImages(location, files, sets, options);
  return sets;
}

function folderName(location: string): string {
  return path.basename(path.resolve(location));
}
