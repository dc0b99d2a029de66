/**
 * The description of their data in a run and its parameter files: the classes by name and number, how an image enters
 * the network, and fingerprints of the images, by which another run's, or a changed folder, is told apart.
 */

import type { Features } from '../data/features.js';
import { fingerprint } from '../data/fingerprint.js';
import { type InputType, inputType } from '../data/imageSet.js';
import { isStream } from '../data/imageStream.js';
import type { Experiment } from '../settings/index.js';
import type { TrainingImages } from './openTraining.js';
import { normalisation } from './programOptions.js';

/** How inputs enter a network: value v of channel c as v·scale[c] + offset[c]. */
export interface InputScaling {
  readonly values: InputType;
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

export interface DataDescription extends InputScaling {
  /** In the order of the labels: the network's output number i speaks of class i. */
  readonly classes: readonly string[];
  /** Height, width and channels of the images that enter the network. */
  readonly image: readonly [height: number, width: number, channels: number];
  /** Sizes of what the outputs of one input are held against, where it is more than a class. */
  readonly targets?: readonly number[] | undefined;
  /** What the numbers of an input are, where they are no pixels and the data say it. */
  readonly features?: Features | undefined;
  /** As `fingerprint` of the data's room makes them; `validation` is `null` where the test images choose. */
  readonly fingerprints: { readonly train: string; readonly validation: string | null; readonly test: string };
}

/** The description of the images of a run and of how they are normalised. */
export function describeData(
  experiment: Experiment,
  { classes, train, validation, test, features, moments }: TrainingImages,
): DataDescription {
  const { values, scale, offset } = normalisation(experiment, train.channels, inputType(train), moments);
  return {
    classes,
    image: [train.height, train.width, train.channels],
    ...(!isStream(train) && train.targets && { targets: train.targets.shape }),
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
