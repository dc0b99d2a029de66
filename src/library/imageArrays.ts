/** Images as the callers of the library have them: bytes or floats and labels in typed arrays. */

import type { ImageSet, InputArray } from '../data/imageSet.js';
import { InputError } from '../errors.js';

/** Images with the index of the class that each shows. */
export interface LabelledImages {
  /**
   * [count, height, width, channels]: bytes as they are, since normalisation is part of the network, or any finite
   * numbers, which enter it as they are unless the settings give `mean` and `std`.
   */
  readonly images: Uint8Array | Uint8ClampedArray | Float32Array;
  /** [count] */
  readonly labels: ArrayLike<number>;
}

/** The shape that all images of a network have in common. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  /** Any number from 1 on: grey, RGB, RGB and depth … */
  readonly channels: number;
}

/** The set of these images. Throws an `InputError` that begins with `what` if sizes or labels do not fit. */
export function imageSet(
  { images, labels }: LabelledImages,
  shape: ImageShape,
  classes: number,
  what: string,
): ImageSet<InputArray> {
  const count = imageCount(images, shape, what);
  if (labels.length !== count) throw new InputError(`${what}: ${labels.length} labels for ${count} images`);
  for (let index = 0; index < count; index++) {
    const label = labels[index]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new InputError(`${what}: label ${index} is ${label}; it must be a whole number from 0 to ${classes - 1}`);
  }
  return { ...shape, count, images: asInputs(images, what), labels: Int32Array.from(labels) };
}

/** The set of images nobody has labelled: all labels are 0. Throws as {@link imageSet} does. */
export function unlabelledSet(images: LabelledImages['images'], shape: ImageShape, what: string): ImageSet<InputArray> {
  const count = imageCount(images, shape, what);
  return { ...shape, count, images: asInputs(images, what), labels: new Int32Array(count) };
}

function imageCount(images: LabelledImages['images'], { height, width, channels }: ImageShape, what: string): number {
  for (const [name, value] of Object.entries({ height, width, channels })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new InputError(`${what}: ${name} is ${value}; it must be a whole number from 1 on`);
  }
  const count = images.length / (height * width * channels);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new InputError(
    `${what}: ${images.length} values are no whole number of images of ${height}x${width}x${channels}, one at least`,
  );
}

function asInputs(images: LabelledImages['images'], what: string): InputArray {
  if (!(images instanceof Float32Array)) return new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
  const strange = images.findIndex((value) => !Number.isFinite(value));
  if (strange >= 0) throw new InputError(`${what}: value ${strange} is ${images[strange]}; it must be a finite number`);
  return images;
}
