/** The images of a quick call's runs. */

import type { Dataset, Images } from '../data/index.js';
import type { Experiment } from '../settings/index.js';

/** Keys of a section, with numbers of images that suffice for a report. */
export interface EnoughImages {
  readonly batch_size: number;
  readonly limit_train: number;
  /** Of the training images. */
  readonly validation_split: number;
  readonly limit_val: number;
}

/**
 * The images of a quick call: as many as suffice, or all. Of fewer training images fewer are held out in proportion, and none
 * if the dataset has some to choose by, or if `select` is not `validation`.
 *
 * @param asked whose limits hold as well
 * @param whole the whole dataset; none if it surely has as many as suffice
 */
export function quickImages(
  enough: EnoughImages,
  { data: { limitTrain, limitVal }, training: { select } }: Experiment,
  whole?: Dataset<Images>,
): Partial<EnoughImages> {
  const least = (...counts: (number | null | undefined)[]) => Math.min(...counts.map((count) => count ?? Infinity));
  const limit_train = least(enough.limit_train, limitTrain, whole?.train.count);
  const limit_val = least(enough.limit_val, limitVal, whole?.test.count);
  const part = Math.max(1, Math.floor((enough.validation_split * limit_train) / enough.limit_train));
  const held = select !== 'validation' || whole?.validation ? {} : { validation_split: part };
  const batch_size = Math.max(1, Math.min(enough.batch_size, limit_train - (held.validation_split ?? 0)));
  return { batch_size, limit_train, ...held, limit_val };
}
