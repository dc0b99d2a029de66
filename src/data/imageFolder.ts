/**
 * Image folders: DIR/train/CLASS/* and DIR/val (or DIR/test)/CLASS/*, JPEG or PNG, a class a folder. Decoding is slow
 * (60 000 small JPEGs: half a minute on two cores), so it is done once, into a cache file (imageFolderCache.ts).
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { InputError } from '../errors.js';
import { decodeImages } from './decodeImages.js';
import { readCachedImages, writeCachedImages } from './imageFolderCache.js';
import type { Dataset, ImageSet } from './imageSet.js';
import type { OnProgress } from './progress.js';

export interface ImageFile {
  readonly file: string;
  /** Index into the classes. */
  readonly label: number;
  readonly bytes: number;
  readonly modifiedMs: number;
}

export interface ImageFolderOptions {
  /** Side of the square to which images are scaled (and cropped at the centre); absent: their own common size. */
  readonly imageSize?: number | undefined;
  readonly cacheDirectory: string;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * @throws InputError if a folder, a class or a class's images are missing, an image cannot be decoded, or sizes differ
 * while `imageSize` is not given.
 */
export async function loadImageFolder(location: string, options: ImageFolderOptions): Promise<Dataset> {
  const { imageSize } = options;
  if (imageSize !== undefined && !(Number.isInteger(imageSize) && imageSize > 0)) {
    throw new InputError(`image size ${imageSize}: give a positive whole number of pixels`);
  }
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

  const trainFiles = listImages(trainFolder, classes);
  const testFiles = listImages(testFolder, classes);
  const cached = await readCachedImages(location, [trainFiles, testFiles], options);
  const [train, test] = cached ?? (await decode(location, [trainFiles, testFiles], options));
  return { name: path.basename(path.resolve(location)), classes, train, test };
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

function listImages(folder: string, classes: readonly string[]): ImageFile[] {
  return classes.flatMap((name, label) => {
    const classFolder = path.join(folder, name);
    if (!isFolder(classFolder)) throw new InputError(`${classFolder}: no such folder; every class needs one`);
    const images = listNames(classFolder).filter((file) => /\.(jpe?g|png)$/i.test(file));
    if (images.length === 0) throw new InputError(`${classFolder}: no images; wanted: .jpg, .jpeg or .png files`);
    return images.map((image) => {
      const file = path.join(classFolder, image);
      const { size, mtimeMs } = statSync(file);
      return { file, label, bytes: size, modifiedMs: mtimeMs };
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
