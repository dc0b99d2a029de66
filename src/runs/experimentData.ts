/** Loads the images of an experiment: limited, split, and checked if they are streamed. */

import { loadDataset, measured } from '../data/files/index.js';
import { type Features, type Images, isStream, type OnProgress } from '../data/index.js';
import { cacheFolder } from '../disk/cacheFolder.js';
import type { Experiment } from '../settings/index.js';
import { heldOut, type TrainingImages } from '../train/openTraining.js';

export interface ExperimentData extends TrainingImages {
  /** Notes for the user, such as the number of ignored files. */
  readonly notes: readonly string[];
  /** Ends the decoders of streamed images. */
  close(): Promise<void>;
}

/**
 * Loads the images. `features`: those of the network to evaluate. `test`: only test images are needed, and of streamed
 * images only their files are checked; `train` may be empty then, and nothing is held out.
 */
export async function loadExperimentData(
  experiment: Experiment,
  onTask: (task: string, done: number, total: number) => void,
  use: 'all' | 'test' = 'all',
  features?: Features,
): Promise<ExperimentData> {
  const { data, training } = experiment;
  const onProgress: OnProgress = ({ task, done, total }) => onTask(task, done, total);
  const dataset = await loadDataset(data.source, {
    imageSize: data.imageSize ?? undefined,
    stream: data.stream ?? 'auto',
    framing: data.augment === 'resized_crop' ? 'crop' : 'fill',
    decodeThreads: data.decodeThreads ?? undefined,
    limitTrain: data.limitTrain ?? undefined,
    limitTest: data.limitVal ?? undefined,
    testOnly: use === 'test',
    task: experiment.task,
    sound: data.sound,
    features,
    seed: training.seed,
    onProgress,
  });
  const parts = use === 'all' ? heldOut(experiment, dataset) : { train: dataset.train, validation: null };
  const checked = async (images: Images, isUsed: boolean): Promise<Images> =>
    isUsed && isStream(images) ? measured(images, { cacheDirectory: cacheFolder(), onProgress }) : images;
  const close = async (): Promise<void> => {
    if (isStream(dataset.test)) await dataset.test.decoders.close();
  };
  try {
    return {
      classes: dataset.classes,
      features: dataset.features,
      moments: dataset.moments,
      notes: dataset.notes ?? [],
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
