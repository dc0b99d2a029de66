/** Decodes many image files into one set of RGB bytes, with libvips (sharp). */
import { readFile } from 'node:fs/promises';
import { InputError } from '../errors.js';
import type { ImageFile } from './imageFolder.js';
import { emptyImageSet, type ImageSet } from './imageSet.js';
import type { OnProgress } from './progress.js';

/** Images on their way at a time: twice the threads that Node lends to libvips (4), so that none of them waits. */
const inFlight = 8;
/** Between two progress reports. */
const reportEvery = 200;

interface DecodedImage {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/**
 * All images as RGB: upright (EXIF), transparency dropped, greys and other colour spaces converted.
 * @param files at least one
 * @param imageSize scaled to fill this square, the overhang cropped evenly; absent: all must have one size
 * @throws InputError naming the file that cannot be decoded or differs in size.
 */
export async function decodeImages(
  files: readonly ImageFile[],
  imageSize: number | undefined,
  onProgress: OnProgress | undefined,
): Promise<ImageSet> {
  const decode = await createDecoder(imageSize);
  const first = await decode(files[0]!.file);
  const set = emptyImageSet(files.length, first.height, first.width, 3);
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < files.length) {
      const index = next++;
      const { file, label } = files[index]!;
      const { data, height, width } = await decode(file);
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

/** sharp is a native library: loaded only where images are decoded. */
async function createDecoder(imageSize: number | undefined): Promise<(file: string) => Promise<DecodedImage>> {
  const { default: sharp } = await import('sharp');
  return async (file) => {
    try {
      // From memory: libvips remembers files by name, and would miss that one was replaced.
      const image = sharp(await readFile(file)).autoOrient();
      if (imageSize !== undefined) image.resize(imageSize, imageSize, { fit: 'cover' });
      const raw = image.removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' });
      const { data, info } = await raw.toBuffer({ resolveWithObject: true });
      return { data, height: info.height, width: info.width };
    } catch (error) {
      const reason = (error as Error).message.split('\n')[0];
      throw new InputError(`${file}: cannot be decoded (${reason}); replace or remove it`);
    }
  };
}
