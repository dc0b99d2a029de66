/** Loads the images of an experiment: limited, split, and checked if they are streamed. */

import { loadDataset, measured } from '../data/files/index.js';
import { type Dataset, type Images, isStream, type OnProgress } from '../data/index.js';
import { targetScaleNotes } from '../data/targetScale.js';
import { cacheFolder } from '../disk/cacheFolder.js';
import { InputError } from '../errors.js';
import { type Experiment, whereSet } from '../settings/index.js';
import type { DataDescription } from '../train/dataDescription.js';
import { heldOut, limited, type TrainingImages } from '../train/openTraining.js';
import { normalFirst, normalNotes, trainedAnomalyNotes } from './anomalies.js';
import { classNotes } from './classNotes.js';

/** Reports the progress of a task, such as decoding. */
type OnTask = (task: string, done: number, total: number) => void;

/** Features and classes of a trained network. */
type TrainedData = Pick<DataDescription, 'features' | 'classes'>;

export interface ExperimentData extends TrainingImages {
  /** Notes for the user, such as the number of ignored files. */
  readonly notes: readonly string[];
  /** Ends the decoders of streamed images. */
  close(): Promise<void>;
}

/**
 * Loads the images. `trained`: data of the network to evaluate or measure. `test`: only test images are needed, and of
 * streamed images only their files are checked; `train` may be empty then, and nothing is held out.
 */
export async function loadExperimentData(
  experiment: Experiment,
  onTask: OnTask,
  use: 'all' | 'test' = 'all',
  trained?: TrainedData,
): Promise<ExperimentData> {
  return dataOf(experiment, await loadWhole(experiment, onTask, use, trained), onTask, use);
}

/**
 * Loads the whole dataset of an experiment, whatever part of it is used. For telling anomalies a class called normal is
 * class 0.
 */
export async function loadWhole(
  { data, training, task }: Experiment,
  onTask: OnTask,
  use: 'all' | 'test' = 'all',
  trained?: TrainedData,
): Promise<Dataset<Images>> {
  const dataset = await loadDataset(data.source, {
    imageSize: data.imageSize ?? undefined,
    stream: data.stream ?? 'auto',
    framing: data.augment === 'resized_crop' ? 'crop' : 'fill',
    decodeThreads: data.decodeThreads ?? undefined,
    testOnly: use === 'test',
    task,
    sound: data.sound,
    features: trained?.features,
    seed: training.seed,
    onProgress: progressOf(onTask),
  });
  return normalFirst(dataset, task, trained?.classes);
}

/** The images of an experiment, of its whole dataset. */
export async function dataOf(
  experiment: Experiment,
  whole: Dataset<Images>,
  onTask: OnTask,
  use: 'all' | 'test' = 'all',
): Promise<ExperimentData> {
  if (use === 'all') refuseMoved(experiment, whole.train);
  const dataset = {
    ...whole,
    train: use === 'test' ? whole.train : limited(experiment, whole.train, 'limit_train'),
    test: limited(experiment, whole.test, 'limit_val'),
  };
  const parts = use === 'all' ? heldOut(experiment, dataset) : { train: dataset.train, validation: null };
  const checked = async (images: Images, isUsed: boolean): Promise<Images> =>
    isUsed && isStream(images)
      ? measured(images, { cacheDirectory: cacheFolder(), onProgress: progressOf(onTask) })
      : images;
  const close = async (): Promise<void> => {
    if (isStream(dataset.test)) await dataset.test.decoders.close();
  };
  try {
    return {
      classes: dataset.classes,
      features: dataset.features,
      moments: dataset.moments,
      notes: [...(dataset.notes ?? []), ...(use === 'all' ? trainingNotes(experiment, dataset, whole) : [])],
      train: await checked(parts.train, use === 'all'),
      validation: parts.validation && (await checked(parts.validation, use === 'all')),
      test: await checked(dataset.test, true),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Throws an `InputError` for shifts and mirrors of inputs of one pixel, such as lines of a table. */
function refuseMoved(experiment: Experiment, train: Images): void {
  const { settings, data } = experiment;
  if (isStream(train) || train.height * train.width > 1) return;
  const moved = data.augmentShift > 0 ? 'augment_shift' : data.augmentMirror ? 'augment_mirror' : null;
  if (moved === null) return;
  throw new InputError(
    `${whereSet(experiment, moved)} = ${settings[moved]}: moves pixels, and inputs of ${settings.data} are numbers; leave it out`,
  );
}

/** Notes about the inputs and targets to train with, some of them on the whole dataset, whatever part of it is used. */
function trainingNotes(
  { task, settings, data: { source } }: Experiment,
  { train, classes }: Dataset<Images>,
  whole: Dataset<Images>,
): string[] {
  const { data } = settings;
  const targets = isStream(train) ? undefined : train.targets;
  return [
    ...classNotes(whole, task, source.kind, data),
    ...normalNotes(classes, task, data),
    ...trainedAnomalyNotes(train, task, data),
    ...(task.loss === 'values' && targets ? targetScaleNotes(targets, classes, data) : []),
  ];
}

function progressOf(onTask: OnTask): OnProgress {
  return ({ task, done, total }) => onTask(task, done, total);
}
