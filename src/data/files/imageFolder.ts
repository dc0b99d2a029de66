/**
 * Image folders: DIR/train/CLASS/** and DIR/val (or DIR/test)/CLASS/**, a class a folder. Decoding is slow
 * (60 000 small JPEGs: half a minute on two cores), so what is to be resident is decoded once, into a cache file
 * (imageFolderCache.ts). What is too much for that, or is to be seen in ever new crops, is decoded while it is needed
 * (imageStream.ts).
 */
import { type Dirent, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { readFault } from '../../disk/fileFault.js';
import { InputError } from '../../errors.js';
import type { Dataset, ImageSet } from '../imageSet.js';
import type { Decoders, ImageFile, ImageStream } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import { decodeImages } from './decodeImages.js';
import { readCachedImages, writeCachedImages } from './imageFolderCache.js';

/** The formats that libvips, as sharp brings it, reads. */
const endings = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif', '.avif'];

export interface ImageFolderOptions {
  /** Side of the square to which images are scaled (and cropped at the centre); absent: their own common size. */
  readonly imageSize?: number | undefined;
  readonly cacheDirectory: string;
  readonly onProgress?: OnProgress | undefined;
}

/** The files of an image folder, found but not opened; those to train with may be missing. */
export interface FolderListing {
  readonly location: string;
  readonly classes: readonly string[];
  readonly train: readonly ImageFile[];
  readonly test: readonly ImageFile[];
  /** A line about files that are left out, if there are any. */
  readonly notes: readonly string[];
}

/** @throws InputError if a folder, a class or a class's images are missing. */
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
  const [train, test] = [listImages(trainFolder, classes), listImages(testFolder, classes)];
  const notes = leftOutNote(location, [train.leftOut, test.leftOut]);
  return { location, classes, train: train.images, test: test.images, notes };
}

/**
 * The images of DIR/val/CLASS/* or DIR/test/CLASS/*, or of DIR/CLASS/*: all that an evaluation needs.
 * @throws InputError if there is no class, or one without images.
 */
export function listTestFolder(given: string): FolderListing {
  const location = ['val', 'test'].map((name) => path.join(given, name)).find(isFolder) ?? given;
  const classes = foldersIn(location);
  if (classes.length === 0) {
    throw new InputError(`${location}: no class folders; wanted: DIR/CLASS/*, DIR/val/CLASS/* or DIR/test/CLASS/*`);
  }
  const { images, leftOut } = listImages(location, classes);
  return { location, classes, train: [], test: images, notes: leftOutNote(location, [leftOut]) };
}

function foldersIn(folder: string): string[] {
  const names = listEntries(folder).map(({ name }) => name);
  return names.filter((name) => isFolder(path.join(folder, name)));
}

/**
 * All images as bytes.
 * @throws InputError if an image cannot be decoded, or sizes differ while `imageSize` is not given.
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

/** Images that are decoded when they are needed, into squares of `imageSize` pixels; nothing is read yet. */
export function streamImageFolder(
  { location, classes, train, test, notes }: FolderListing,
  imageSize: number,
  framing: ImageStream['framing'],
  decoders: Decoders,
): Dataset<ImageStream> {
  const stream = (files: readonly ImageFile[]): ImageStream => {
    const shape = { height: imageSize, width: imageSize, channels: 3 };
    return { files, count: files.length, ...shape, framing, sizes: null, decoders };
  };
  return { name: folderName(location), classes, train: stream(train), test: stream(test), notes };
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

/** The images of a set, class by class, and what else lies in its folder. */
function listImages(
  folder: string,
  classes: readonly string[],
): { readonly images: readonly ImageFile[]; readonly leftOut: LeftOut } {
  const outside = listEntries(folder).filter(({ name }) => !classes.includes(name));
  const leftOut: LeftOut = new Map(outside.length > 0 ? [['beside the class folders', outside.length]] : []);
  const images = classes.flatMap((name, label) => {
    const classFolder = path.join(folder, name);
    if (!isFolder(classFolder)) throw new InputError(`${classFolder}: no such folder; every class needs one`);
    const own: LeftOut = new Map();
    const found = imagesBelow(classFolder, name, label, own);
    if (found.length === 0) {
      const others = own.size > 0 ? ` (but ${listed(own)})` : '';
      throw new InputError(`${classFolder}: no images${others}; wanted: ${endings.join(', ')} files`);
    }
    for (const [kind, count] of own) leftOut.set(kind, (leftOut.get(kind) ?? 0) + count);
    return found;
  });
  return { images, leftOut };
}

/** The images of a folder, then those of the folders in it. `name`: the folder's own, below the folder of the set. */
function imagesBelow(folder: string, name: string, label: number, leftOut: LeftOut): ImageFile[] {
  const entries = listEntries(folder);
  const images = entries.flatMap((entry): ImageFile[] => {
    if (entry.isDirectory()) return [];
    const file = path.join(folder, entry.name);
    const ending = path.extname(entry.name).toLowerCase();
    const found = endings.includes(ending) ? inWords(file, () => statSync(file)) : undefined;
    if (!found?.isFile()) {
      const kind = ending || 'without an ending';
      leftOut.set(kind, (leftOut.get(kind) ?? 0) + 1);
      return [];
    }
    return [{ file, name: `${name}/${entry.name}`, label, bytes: found.size, modifiedMs: found.mtimeMs }];
  });
  const deeper = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => imagesBelow(path.join(folder, entry.name), `${name}/${entry.name}`, label, leftOut));
  return [images, ...deeper].flat();
}

/** Files that are no images or none that can be read: how many, by their ending or place. */
type LeftOut = Map<string, number>;

function leftOutNote(location: string, sets: readonly LeftOut[]): string[] {
  const sum: LeftOut = new Map();
  for (const [kind, count] of sets.flatMap((set) => [...set])) sum.set(kind, (sum.get(kind) ?? 0) + count);
  if (sum.size === 0) return [];
  const total = [...sum.values()].reduce((a, b) => a + b);
  const files = total === 1 ? '1 file is' : `${total} files are`;
  return [`${location}: ${files} left out (${listed(sum)}); read are ${endings.join(', ')}`];
}

function listed(leftOut: LeftOut): string {
  const sorted = [...leftOut].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([kind, count]) => `${count} ${kind}`).join(', ');
}

/**
 * Visible entries, sorted by code units: the same order on every machine.
 * @throws InputError if the folder cannot be read, or a name in it is no text.
 */
function listEntries(folder: string): Dirent[] {
  const entries = inWords(folder, () => readdirSync(folder, { withFileTypes: true }));
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  // Node puts this character where the bytes of a name are no UTF-8, and then does not find the file.
  const strange = visible.find(({ name }) => name.includes('\ufffd'));
  if (strange) throw new InputError(`${path.join(folder, strange.name)}: this name is not UTF-8; rename it`);
  return visible.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isFolder(folder: string): boolean {
  return inWords(folder, () => statSync(folder, { throwIfNoEntry: false }))?.isDirectory() ?? false;
}

function inWords<T>(file: string, access: () => T): T {
  try {
    return access();
  } catch (error) {
    throw readFault(error, file);
  }
}
