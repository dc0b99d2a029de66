/** Facts about the images of a dataset before training, by which settings are chosen. */

import { listImageFolder, loadDataset, sampledSizes } from '../data/files/index.js';
import {
  arePictures,
  type InputType,
  inputType,
  isStream,
  type Moments,
  type OnProgress,
  standardising,
} from '../data/index.js';
import { InputError } from '../errors.js';
import type { Experiment } from '../settings/index.js';

export interface Survey {
  /** Number of classes; with `loss = labels` the number of labels. */
  readonly classes: number;
  /** Shape of the targets of one input; absent for a class an input. */
  readonly targetShape?: readonly number[] | undefined;
  readonly trainImages: number;
  /** True if the data bring a set to choose the best parameters by. */
  readonly hasValidation: boolean;
  readonly testImages: number;
  /** Shorter side in pixels; for files of different sizes the median of a sample. */
  readonly side: number;
  readonly channels: number;
  /** Height and width of inputs that are no pictures; null for pictures, which are made square. */
  readonly inputSize: readonly [height: number, width: number] | null;
  readonly values: InputType;
  /** Height and width of all images (of a sample); null where they differ. */
  readonly commonSize: readonly [height: number, width: number] | null;
  /** Moments of each number of float inputs of one pixel whose data have none to standardise them by. */
  readonly unscaled: Moments | null;
  /** True for files, which can be scaled. */
  readonly areFiles: boolean;
}

/**
 * Surveys the images of an experiment: lists folders and opens some of their files, loads other datasets.
 *
 * @throws InputError for missing or damaged files
 */
export async function survey({ data, training, task }: Experiment, onProgress: OnProgress): Promise<Survey> {
  const { source, limitTrain, limitVal } = data;
  const limited = (count: number, limit: number | null) => Math.min(count, limit ?? count);
  if (source.kind === 'images' && source.location !== undefined) {
    const { classes, train, test } = listImageFolder(source.location);
    return {
      ...shapeOf(await sampledSizes([...train, ...test])),
      classes: classes.length,
      channels: 3,
      ...({ inputSize: null, values: 'bytes' } as const),
      trainImages: limited(train.length, limitTrain),
      hasValidation: false,
      testImages: limited(test.length, limitVal),
      unscaled: null,
      areFiles: true,
    };
  }
  const { classes, train, validation, test, moments } = await loadDataset(source, {
    ...{ task, sound: data.sound, seed: training.seed, onProgress },
  });
  const isUnscaled = !isStream(train) && !moments && inputType(train) === 'floats' && train.height * train.width === 1;
  return {
    ...shapeOf([train]),
    classes: classes.length,
    targetShape: isStream(train) ? undefined : train.targets?.shape,
    channels: train.channels,
    inputSize: arePictures(source.kind) ? null : [train.height, train.width],
    values: inputType(train),
    trainImages: limited(train.count, limitTrain),
    hasValidation: validation !== undefined,
    testImages: limited(test.count, limitVal),
    unscaled: isUnscaled ? standardising(train.images, train.channels) : null,
    areFiles: false,
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

function shapeOf(sizes: readonly Size[]): Pick<Survey, 'side' | 'commonSize'> {
  const [first] = sizes;
  if (!first) throw new InputError('there are no images to choose settings by');
  const sides = sizes.map(({ width, height }) => Math.min(width, height)).sort((a, b) => a - b);
  return {
    side: sides[Math.floor(sides.length / 2)]!,
    commonSize: sizes.every(({ width, height }) => width === first.width && height === first.height)
      ? [first.height, first.width]
      : null,
  };
}
