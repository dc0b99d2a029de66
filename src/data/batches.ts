/**
 * Batch tables: the order and augmentation of the images of an epoch. A whole epoch is drawn at once into a small
 * table, and the engine gathers from its resident images, so that no pixel passes through JavaScript while training.
 */
import { InputError } from '../errors.js';
import { identityWord, maximumShift, packAugmentation } from './augmentation.js';
import { randomResizedCrop } from './crops.js';
import type { Random } from './random.js';

export interface BatchTable {
  /** [batches, batchSize, 2]: image index (-1 for padding) and augmentation word (see augmentation.ts). */
  readonly entries: Int32Array;
  /** [batches, batchSize, 4]: left, top, width and height of the crop of each image; absent for whole images. */
  readonly crops?: Int32Array;
  readonly batches: number;
  readonly batchSize: number;
}

/**
 * One epoch of training: every image at most once, shuffled; the last partial batch is dropped.
 *
 * @param count images in the set
 * @param augment shift: dy and dx are drawn from [-shift, shift]; mirror: half of the images are mirrored; cropSizes:
 *   width and height of each image, for random crops
 * @throws InputError if not a single batch can be filled, or if the shift does not fit into a word
 */
export function trainingEpoch(
  count: number,
  batchSize: number,
  random: Random,
  augment: { readonly shift: number; readonly mirror: boolean; readonly cropSizes?: Int32Array | undefined },
): BatchTable {
  const { shift, mirror, cropSizes } = augment;
  if (!(Number.isInteger(shift) && shift >= 0 && shift <= maximumShift)) {
    throw new InputError(`augmentation shift ${shift}: give a whole number of pixels from 0 to ${maximumShift}`);
  }
  const batches = Math.floor(count / batchSize);
  if (batches < 1) {
    throw new InputError(`batch size ${batchSize}: the training set has only ${count} images; give at most ${count}`);
  }
  const order = new Int32Array(count);
  for (let image = 0; image < count; image++) order[image] = image;
  random.shuffle(order);
  const offset = () => random.below(2 * shift + 1) - shift;
  const entries = new Int32Array(batches * batchSize * 2);
  const crops = cropSizes && new Int32Array(batches * batchSize * 4);
  for (let entry = 0; entry < batches * batchSize; entry++) {
    const image = order[entry]!;
    entries[2 * entry] = image;
    entries[2 * entry + 1] = packAugmentation({
      dy: offset(),
      dx: offset(),
      mirror: mirror && random.below(2) === 1,
    });
    if (!crops) continue;
    const size = { width: cropSizes[2 * image]!, height: cropSizes[2 * image + 1]! };
    const { left, top, width, height } = randomResizedCrop(size, random);
    crops.set([left, top, width, height], 4 * entry);
  }
  return crops ? { entries, crops, batches, batchSize } : { entries, batches, batchSize };
}

/** The `count` images from index `first`, once each and not augmented; the last batch is padded with index -1. */
export function evaluationBatches(count: number, batchSize: number, first = 0): BatchTable {
  const batches = Math.ceil(count / batchSize);
  const entries = new Int32Array(batches * batchSize * 2);
  for (let entry = 0; entry < batches * batchSize; entry++) {
    entries[2 * entry] = entry < count ? first + entry : -1;
    entries[2 * entry + 1] = identityWord;
  }
  return { entries, batches, batchSize };
}
