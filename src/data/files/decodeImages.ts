/** Decodes many image files into one set of RGB bytes. */
import { InputError } from '../../errors.js';
import { emptyImageSet, type ImageSet } from '../imageSet.js';
import type { ClassFile } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import { type DecodedImage, decodeImage } from './decodeImage.js';

/** Images on their way at a time: twice the threads that Node lends to libvips (4), so that none of them waits. */
const inFlight = 8;
/** Between two progress reports. */
const reportEvery = 200;

/**
 * All images as RGB: upright (EXIF), transparency dropped, greys and other colour spaces converted.
 * @param files at least one
 * @param imageSize scaled to fill this square, the overhang cropped evenly; absent: all must have one size
 * @throws InputError naming the file that cannot be decoded or differs in size.
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

/** The fault of one image; `remedy` says what would be right. */
export function undecodable(file: string, reason: string, remedy = 'replace or remove it'): InputError {
  return new InputError(`${file}: cannot be decoded (${reason}); ${remedy}`);
}
