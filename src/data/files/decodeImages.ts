/** Decodes many image files into one set of RGB bytes. */

import { availableParallelism } from 'node:os';
import { InputError } from '../../errors.js';
import { emptyImageSet, type ImageSet } from '../imageSet.js';
import type { ClassFile, Decoders, Framing } from '../imageStream.js';
import type { OnProgress } from '../progress.js';
import { type DecodedImage, decodeImage } from './decodeImage.js';
import { createDecoders, threadsPerProcess } from './decoders.js';
import { inLanes } from './inLanes.js';
import { replaceOrRemove, undecodable } from './undecodable.js';

/** Number of images under way for each that is decoded at a time, so that no decoder is idle. */
const inFlight = 4;
/** Number of images between progress reports. */
const reportEvery = 200;
/** Fewest images for which other processes are started, each of which takes as long as some hundred small images. */
const fewestForProcesses = 1000;

/**
 * Decodes all images as RGB: upright (EXIF), without transparency, converted from greys and other colour spaces.
 *
 * @param files at least one
 * @param imageSize side of the square that images are scaled to fill, cropped evenly; absent if all have one size
 * @param decoders by default processes for all cores, if there are many images and more cores than one process uses
 * @throws InputError with the file that cannot be decoded or has another size
 */
export async function decodeImages(
  files: readonly ClassFile[],
  imageSize: number | undefined,
  onProgress: OnProgress | undefined,
  decoders: Pick<Decoders, 'threads' | 'decode' | 'close'> = decodersFor(files.length),
): Promise<ImageSet> {
  try {
    const first = await decode(files[0]!.file, { type: 'fill', side: imageSize });
    const set = emptyImageSet(files.length, first.height, first.width, 3);
    const imageBytes = first.data.length;
    const lanes = inFlight * decoders.threads;
    await inLanes(files.length, { lanes, reportEvery, task: 'decode images', onProgress }, async (index) => {
      const { file, label } = files[index]!;
      const target = set.images.subarray(index * imageBytes, (index + 1) * imageBytes);
      const { width, height } = await decoders.decode(file, { type: 'fill', side: imageSize }, target);
      if (height !== set.height || width !== set.width) {
        throw new InputError(
          `${file}: ${width}x${height}, but ${files[0]!.file}: ${set.width}x${set.height}; ` +
            'images of different sizes need an image size to which all are scaled',
        );
      }
      set.labels[index] = label;
    });
    return set;
  } finally {
    await decoders.close();
  }
}

function decodersFor(images: number): Pick<Decoders, 'threads' | 'decode' | 'close'> {
  const isEnough = images < fewestForProcesses || availableParallelism() <= threadsPerProcess;
  return isEnough ? ownDecoders : createDecoders(undefined, replaceOrRemove);
}

/** Decodes on the threads of this process. */
const ownDecoders: Pick<Decoders, 'threads' | 'decode' | 'close'> = {
  threads: 2,
  decode: async (file, framing, target) => {
    const { data, width, height } = await decode(file, framing);
    if (data.length === target.length) target.set(data);
    return { width, height };
  },
  close: async () => {},
};

async function decode(file: string, framing: Framing): Promise<DecodedImage> {
  try {
    return await decodeImage(file, framing);
  } catch (error) {
    throw undecodable(file, (error as Error).message.split('\n')[0]!);
  }
}
