/**
 * A folder of images as a dataset: folders are named after the classes, as for `mpdnn train --data images:DIR`. If
 * there are folders `train` and `test` (or `val`) above them, these divide the images; otherwise every fifth of a class
 * is for testing.
 */

import { InputError } from '../../src/errors.js';
import type { TrainingData } from '../../src/library/train.js';
import { joined } from './drawings.js';

/** A file with its path below the chosen folder: [folders …, name]. */
export interface FolderFile {
  readonly path: readonly string[];
  readonly file: File;
}

export interface FolderImages {
  readonly data: TrainingData;
  /** Ignored files, in words; empty if there are none. */
  readonly note: string;
}

/** Side of the squares cut from the middles of images that have different sizes or are large. */
const USUAL_SIDE = 32;
const LARGEST_SIDE = 64;
const MOST_IMAGES = 20_000;
const TEST_EVERY = 5;
const testNames = ['test', 'val', 'validation'];

/**
 * @param onProgress called with the number of images read so far, and of all
 * @throws InputError if there are no classes, or none of a class's images
 */
export async function folderData(
  files: readonly FolderFile[],
  onProgress: (done: number, all: number) => void,
): Promise<FolderImages> {
  const found = files
    .filter(({ path }) => path.length >= 2 && !path.some((name) => name.startsWith('.')))
    .sort((a, b) => compare(a.path.join('/'), b.path.join('/')));
  const className = ({ path }: FolderFile) => path.at(-2)!;
  const classes = [...new Set(found.map(className))].sort();
  if (classes.length < 2) {
    throw new InputError('the folder has no sub-folders of images: each names a class, and there must be two at least');
  }
  const isOfTest = ({ path }: FolderFile) => path.slice(0, -2).some((name) => testNames.includes(name.toLowerCase()));
  const isDivided = found.some(isOfTest);
  const taken = evenly(found, MOST_IMAGES);
  const decoded: { picture: ImageBitmap | Uint8Array; label: number; isTest: boolean }[] = [];
  const broken: string[] = [];
  const seen = new Map<number, number>();
  for (const [index, file] of taken.entries()) {
    const label = classes.indexOf(className(file));
    const bitmap = await createImageBitmap(file.file).catch(() => null);
    if (!bitmap) broken.push(file.path.join('/'));
    else {
      const place = seen.get(label) ?? 0;
      seen.set(label, place + 1);
      const isTest = isDivided ? isOfTest(file) : place % TEST_EVERY === TEST_EVERY - 1;
      // A large or non-square image decides the side; photographs are not kept whole until all have been read.
      decoded.push({ picture: isSmallSquare(bitmap) ? bitmap : pixelsOf(bitmap, USUAL_SIDE), label, isTest });
    }
    if (index % 50 === 0) onProgress(index, taken.length);
  }
  const side = commonSide(decoded.map(({ picture }) => picture));
  const images = decoded.map(({ picture, ...rest }) => ({
    ...rest,
    image: picture instanceof Uint8Array ? picture : pixelsOf(picture, side),
  }));
  const sets = [images.filter(({ isTest }) => !isTest), images.filter(({ isTest }) => isTest)] as const;
  for (const [label, name] of classes.entries()) {
    if (!sets[0].some((image) => image.label === label)) throw new InputError(`${name}: has no image to train on`);
  }
  if (sets[1].length === 0) throw new InputError('too few images: five of a class are needed to have one to test with');
  return {
    data: { height: side, width: side, channels: 3, classes, train: joined(sets[0]), test: joined(sets[1]) },
    note: [
      broken.length > 0 ? `${broken.length} files are no images that this browser reads, the first ${broken[0]}.` : '',
      taken.length < found.length ? `${taken.length} of ${found.length} images are taken.` : '',
    ]
      .filter(Boolean)
      .join(' '),
  };
}

/** At most so many, evenly from the whole list. */
function evenly<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, index) => all[Math.floor((index * all.length) / most)]!);
}

/** By code units, as the command line sorts. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isSmallSquare({ width, height }: ImageBitmap): boolean {
  return width === height && width <= LARGEST_SIDE;
}

/** The images' own side if all are small squares of one size, else the usual side. */
function commonSide(pictures: readonly (ImageBitmap | Uint8Array)[]): number {
  const sides = new Set(pictures.map((picture) => (picture instanceof Uint8Array ? USUAL_SIDE : picture.width)));
  const [side = USUAL_SIDE] = sides;
  return sides.size === 1 ? side : USUAL_SIDE;
}

/** The square in the middle of an image, scaled to a side; bytes [side, side, 3], black where it is transparent. */
function pixelsOf(bitmap: ImageBitmap, side: number): Uint8Array {
  const canvas = new OffscreenCanvas(side, side);
  const pen = canvas.getContext('2d', { willReadFrequently: true })!;
  const cut = Math.min(bitmap.width, bitmap.height);
  pen.fillRect(0, 0, side, side);
  pen.imageSmoothingQuality = 'high';
  pen.drawImage(bitmap, (bitmap.width - cut) / 2, (bitmap.height - cut) / 2, cut, cut, 0, 0, side, side);
  bitmap.close();
  const { data } = pen.getImageData(0, 0, side, side);
  return Uint8Array.from({ length: side * side * 3 }, (_, at) => data[4 * Math.floor(at / 3) + (at % 3)]!);
}

/** The files of a dropped folder, or of several. */
export async function droppedFiles(items: DataTransferItemList): Promise<FolderFile[]> {
  // The list is empty after the first await.
  const entries = [...items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const [only] = entries;
  const inside =
    entries.length === 1 && only!.isDirectory ? await entriesOf(only as FileSystemDirectoryEntry) : entries;
  return (await Promise.all(inside.map((entry) => filesOf(entry, [])))).flat();
}

/** The files of an `<input webkitdirectory>`. */
export function chosenFiles(files: FileList): FolderFile[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath.split('/').slice(1), file }));
}

async function filesOf(entry: FileSystemEntry, above: readonly string[]): Promise<FolderFile[]> {
  const path = [...above, entry.name];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path, file }];
  }
  const inside = await entriesOf(entry as FileSystemDirectoryEntry);
  return (await Promise.all(inside.map((each) => filesOf(each, path)))).flat();
}

/** A reader returns some entries at a time, and none at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
