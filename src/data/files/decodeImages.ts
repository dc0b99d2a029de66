/** Decodes many image files into one set of RGB bytes. */
import { InputError } from '../../errors.js';
import { emptyImageSet, type ImageSet } from '../imageSet.js';
import type { ClassFile } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import { type DecodedImage, decodeImage } from './decodeImage.js';

/** Number of images decoded at a time: twice the threads that libvips gets from Node (4), so that none is idle. */
const inFlight = 8;
/** Number of images between progress reports. */
const reportEvery = 200;

/**
 * Decodes all images as RGB: upright (EXIF), without transparency, converted from greys and other colour spaces.
 *
 * @param files at least one
 * @param imageSize side of the square that images are scaled to fill, cropped evenly; absent if all have one size
 * @throws InputError with the file that cannot be decoded or has another size
 */
export async function decodeImages(
  files: readonly ClassFile[],
  imageSize: number | undefined,
  onProgress: OnProgress | undefined,
): Promise<ImageSet> {
  const first = await decode(files[0]!.file, imageSize);
  const set = emptyImageSet(files.length, first.height, first.width, 3);
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < files.length) {
      const index = next++;
      const { file, label } = files[index]!;
      const { data, height, width } = await decode(file, imageSize);
      if (height !== set.height || width !== set.width) {
        throw new InputError(
          `${file}: ${width}x${height}, but ${files[0]!.file}: ${set.width}x${set.height}; ` +
            'images of different sizes need an image size to which all are scaled',
        );
      }
      set.images.set(data, index * data.length);
      set.labels[index] = label;
      done++;
      if (done % reportEvery === 0 || done === files.length) {
        onProgress?.({ task: 'decode images', done, total: files.length });
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: inFlight }, work));
  } finally {
    next = files.length;
  }
  return set;
}

async function decode(file: string, side: number | undefined): Promise<DecodedImage> {
  try {
    return await decodeImage(file, { type: 'fill', side });
  } catch (error) {
    throw undecodable(file, (error as Error).message.split('\n')[0]!);
  }
}

/** The error for one image; `remedy` says what would be right. */
export function undecodable(file: string, reason: string, remedy = 'replace or remove it'): InputError {
  return new InputError(`${file}: cannot be decoded (${reason}); ${remedy}`);
}
