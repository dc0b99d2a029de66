/** A record in both forms of CIFAR: a label and a 32x32 colour image, stored in planes (CHW). */
import { InputError } from '../../errors.js';
import { emptyImageSet, type ImageSet } from '../imageSet.js';
import type { CifarSet } from './cifarSets.js';

const side = 32;
const plane = side * side;

/** Bytes of one image. */
export const cifarImageBytes = 3 * plane;

/** Labelled images of one file. */
export interface CifarBatch {
  readonly file: string;
  readonly count: number;
  label(index: number): number;
  /** The bytes of an image, [3072] in CHW order. */
  pixels(index: number): Uint8Array;
}

/**
 * Joins the batches in order, as NHWC.
 *
 * @throws InputError for a label that is no class
 */
export function joinCifarBatches(batches: readonly CifarBatch[], { title, classes }: CifarSet): ImageSet {
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
      if (!(label >= 0 && label < classes.length)) {
        throw new InputError(
          `${batch.file}: image ${index} has label ${label}; ${title} has labels 0 to ${classes.length - 1}`,
        );
      }
      set.labels[target] = label;
      interleave(batch.pixels(index), set.images.subarray(target * cifarImageBytes));
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
