/**
 * Description of a run's data in its files: classes, the normalisation of images, and fingerprints of the images, which
 * tell a changed folder or another run's data apart.
 */

import type { Features } from '../data/features.js';
import { fingerprint } from '../data/fingerprint.js';
import { type InputType, inputType } from '../data/imageSet.js';
import { isStream } from '../data/imageStream.js';
import type { Experiment } from '../settings/index.js';
import type { TrainingImages } from './openTraining.js';
import { normalisation } from './programOptions.js';

/** Scaling of inputs: value v of channel c enters as v·scale[c] + offset[c]. */
export interface InputScaling {
  readonly values: InputType;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

export interface DataDescription extends InputScaling {
  /** Names in the order of the labels: output i is that of class i. */
  readonly classes: readonly string[];
  /** Height, width and channels of the network's input. */
  readonly image: readonly [height: number, width: number, channels: number];
  /** Shape of the targets of one input; absent for a class an input. */
  readonly targets?: readonly number[] | undefined;
  /** Meaning of inputs that are not pixels, if the data have it. */
  readonly features?: Features | undefined;
  /** Results of `fingerprint`; `validation` is `null` unless `select = validation`. */
  readonly fingerprints: { readonly train: string; readonly validation: string | null; readonly test: string };
}

/** Describes the images of a run and their normalisation. */
export function describeData(
  experiment: Experiment,
  { classes, train, validation, test, features, moments }: TrainingImages,
): DataDescription {
  const { values, scale, offset } = normalisation(experiment, train.channels, inputType(train), moments);
  return {
    classes,
    image: [train.height, train.width, train.channels],
    ...(!isStream(train) && train.targets && { targets: [...train.targets.shape] }),
    ...(features && { features }),
    values,
    scale,
    offset,
    fingerprints: {
      train: fingerprint(train),
      validation: validation && fingerprint(validation),
      test: fingerprint(test),
    },
  };
}
