/** The images of an experiment: loaded or found, limited, split, checked. */

import { cacheFolder } from '../cacheFolder.js';
import { Cifar10Missing, type Images, isStream, loadDataset, measured, type OnProgress, split } from '../data/index.js';
import { InputError } from '../errors.js';
import { type ConfigFile, type Experiment, resolveExperiment } from '../experiment/index.js';
import type { ProgressDisplay } from './progress.js';

export interface ExperimentData {
  readonly classes: readonly string[];
  readonly train: Images;
  /** Chooses the best parameters. */
  readonly evaluation: Images;
  /** Ends the decoders of streamed images. */
  close(): Promise<void>;
}

/**
 * The images to train with. Where nobody chose the data, and CIFAR-10, the default, is not to be had, they are the
 * generated ones: it says so, and the experiment returned has them as its data.
 */
export async function loadTrainingData(
  experiment: Experiment,
  file: ConfigFile,
  display: ProgressDisplay,
): Promise<{ readonly experiment: Experiment; readonly data: ExperimentData }> {
  try {
    return { experiment, data: await loadData(experiment, display.task) };
  } catch (error) {
    if (!(error instanceof Cifar10Missing) || experiment.sources.has('data')) throw error;
    display.line(`NOTE: training on GENERATED images (data = synthetic), not on CIFAR-10: ${error.message}`);
    const overrides = { ...Object.fromEntries(experiment.overrides), data: 'synthetic' };
    const generated = resolveExperiment(file, experiment.name, overrides);
    return { experiment: generated, data: await loadData(generated, display.task) };
  }
}

/** `use`: which images will be asked for; the files of those are checked where they are streamed. */
export async function loadData(
  experiment: Experiment,
  onTask: (task: string, done: number, total: number) => void,
  use: 'training' | 'evaluation' = 'training',
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
    seed: training.seed,
    onProgress,
  });
  const held = data.validationSplit > 0 ? split(dataset.train, data.validationSplit, training.seed) : null;
  const train = held?.rest ?? dataset.train;
  const evaluation = held?.held ?? dataset.test;
  if (training.batchSize > train.count) {
    throw new InputError(
      `batch_size = ${training.batchSize}: more than the ${train.count} training images; use ${train.count} or less`,
    );
  }
  const close = async (): Promise<void> => {
    if (isStream(train)) await train.decoders.close();
  };
  try {
    const checked = (images: Images) =>
      isStream(images) ? measured(images, { cacheDirectory: cacheFolder(), onProgress }) : images;
    return {
      classes: dataset.classes,
      train: use === 'training' ? await checked(train) : train,
      evaluation: await checked(evaluation),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
