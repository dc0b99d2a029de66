/**
 * Image folders: DIR/train/CLASS/* and DIR/val (or DIR/test)/CLASS/*, JPEG or PNG, a class a folder. Decoding is slow
 * (60 000 small JPEGs: half a minute on two cores), so what is to be resident is decoded once, into a cache file
 * (imageFolderCache.ts). What is too much for that, or is to be seen in ever new crops, is decoded while it is needed
 * (imageStream.ts).
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { InputError } from '../../errors.js';
import type { Dataset, ImageSet } from '../imageSet.js';
import type { Decoders, ImageFile, ImageStream } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import { decodeImages } from './decodeImages.js';
import { readCachedImages, writeCachedImages } from './imageFolderCache.js';

export interface ImageFolderOptions {
  /** Side of the square to which images are scaled (and cropped at the centre); absent: their own common size. */
  readonly imageSize?: number | undefined;
  readonly cacheDirectory: string;
  readonly onProgress?: OnProgress | undefined;
}

/** The files of an image folder, found but not opened. */
export interface FolderListing {
  readonly location: string;
  readonly classes: readonly string[];
  readonly train: readonly ImageFile[];
  readonly test: readonly ImageFile[];
}

/** @throws InputError if a folder, a class or a class's images are missing. */
export function listImageFolder(location: string): FolderListing {
  const trainFolder = path.join(location, 'train');
  const testFolder = ['val', 'test'].map((name) => path.join(location, name)).find(isFolder);
  if (!isFolder(trainFolder)) throw new InputError(`${trainFolder}: no such folder; wanted: DIR/train/CLASS/*`);
  if (!testFolder) throw new InputError(`${location}: has neither val nor test; wanted: DIR/val/CLASS/*`);
  const classes = listNames(trainFolder).filter((name) => isFolder(path.join(trainFolder, name)));
  if (classes.length === 0) {
    throw new InputError(`${trainFolder}: no class folders; wanted: a folder with images for each class`);
  }
  const strange = listNames(testFolder).find(
    (name) => isFolder(path.join(testFolder, name)) && !classes.includes(name),
  );
  if (strange) throw new InputError(`${path.join(testFolder, strange)}: this class is not in ${trainFolder}`);
  return { location, classes, train: listImages(trainFolder, classes), test: listImages(testFolder, classes) };
}

/**
 * All images as bytes.
 * @throws InputError if an image cannot be decoded, or sizes differ while `imageSize` is not given.
 */
export async function loadImageFolder(listing: FolderListing, options: ImageFolderOptions): Promise<Dataset> {
  const { location, classes } = listing;
  const { imageSize } = options;
  if (imageSize !== undefined && !(Number.isInteger(imageSize) && imageSize > 0)) {
    throw new InputError(`image size ${imageSize}: give a positive whole number of pixels`);
  }
  const cached = await readCachedImages(location, [listing.train, listing.test], options);
  const [train, test] = cached ?? (await decode(location, [listing.train, listing.test], options));
  return { name: folderName(location), classes, train, test };
}

/** Images that are decoded when they are needed, into squares of `imageSize` pixels; nothing is read yet. */
export function streamImageFolder(
  { location, classes, train, test }: FolderListing,
  imageSize: number,
  framing: ImageStream['framing'],
  decoders: Decoders,
): Dataset<ImageStream> {
  const stream = (files: readonly ImageFile[]): ImageStream => {
    const shape = { height: imageSize, width: imageSize, channels: 3 };
    return { files, count: files.length, ...shape, framing, sizes: null, decoders };
  };
  return { name: folderName(location), classes, train: stream(train), test: stream(test) };
}

async function decode(
  location: string,
  files: readonly [readonly ImageFile[], readonly ImageFile[]],
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

function listImages(folder: string, classes: readonly string[]): ImageFile[] {
  return classes.flatMap((name, label) => {
    const classFolder = path.join(folder, name);
    if (!isFolder(classFolder)) throw new InputError(`${classFolder}: no such folder; every class needs one`);
    const images = listNames(classFolder).filter((file) => /\.(jpe?g|png)$/i.test(file));
    if (images.length === 0) throw new InputError(`${classFolder}: no images; wanted: .jpg, .jpeg or .png files`);
    return images.map((image) => {
      const file = path.join(classFolder, image);
      const { size, mtimeMs } = statSync(file);
      return { file, name: `${name}/${image}`, label, bytes: size, modifiedMs: mtimeMs };
    });
  });
}

/** Visible entries, sorted by code units: the same order on every machine. */
function listNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

function isFolder(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
