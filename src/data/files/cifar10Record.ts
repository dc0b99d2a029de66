/**
 * The record of both forms of CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html): 32x32 colour
 * images in ten classes, stored as one plane after the other (CHW), five training files and one test file.
 */
import { InputError } from '../../errors.js';
import { emptyImageSet, type ImageSet } from '../imageSet.js';

export const cifar10Classes: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

const side = 32;
const plane = side * side;

/** Bytes of one image. */
export const cifar10ImageBytes = 3 * plane;

/** Some labelled images of one file. */
export interface Cifar10Batch {
  readonly file: string;
  readonly count: number;
  label(index: number): number;
  /** [3072], CHW. */
  pixels(index: number): Uint8Array;
}

/**
 * Joins the batches in order, as NHWC.
 * @throws InputError for a label outside of 0..9.
 */
export function joinCifar10Batches(batches: readonly Cifar10Batch[]): ImageSet {
  const set = emptyImageSet(
    batches.reduce((sum, batch) => sum + batch.count, 0),
    side,
    side,
    3,
  );
  let target = 0;
  for (const batch of batches) {
    for (let index = 0; index < batch.count; index++, target++) {
      const label = batch.label(index);
      if (!(label >= 0 && label < cifar10Classes.length)) {
        throw new InputError(`${batch.file}: image ${index} has label ${label}; CIFAR-10 has labels 0 to 9`);
      }
      set.labels[target] = label;
      interleave(batch.pixels(index), set.images.subarray(target * cifar10ImageBytes));
    }
  }
  return set;
}

function interleave(planar: Uint8Array, interleaved: Uint8Array): void {
  for (let pixel = 0; pixel < plane; pixel++) {
    interleaved[3 * pixel] = planar[pixel]!;
    interleaved[3 * pixel + 1] = planar[plane + pixel]!;
    interleaved[3 * pixel + 2] = planar[2 * plane + pixel]!;
  }
}
