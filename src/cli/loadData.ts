/** The images of an experiment: loaded, limited, split, checked against the batch size. */

import { Cifar10Missing, type ImageSet, loadDataset, split } from '../data/index.js';
import { InputError } from '../errors.js';
import { type ConfigFile, type Experiment, resolveExperiment } from '../experiment/index.js';
import type { ProgressDisplay } from './progress.js';

export interface ExperimentData {
  readonly classes: readonly string[];
  readonly train: ImageSet;
  /** Chooses the best parameters. */
  readonly evaluation: ImageSet;
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

export async function loadData(
  experiment: Experiment,
  onProgress: (task: string, done: number, total: number) => void,
): Promise<ExperimentData> {
  const { data, training } = experiment;
  const dataset = await loadDataset(data.source, {
    imageSize: data.imageSize ?? undefined,
    limitTrain: data.limitTrain ?? undefined,
    limitTest: data.limitVal ?? undefined,
    seed: training.seed,
    onProgress: ({ task, done, total }) => onProgress(task, done, total),
  });
  const held = data.validationSplit > 0 ? split(dataset.train, data.validationSplit, training.seed) : null;
  const train = held?.rest ?? dataset.train;
  if (training.batchSize > train.count) {
    throw new InputError(
      `batch_size = ${training.batchSize}: more than the ${train.count} training images; use ${train.count} or less`,
    );
  }
  return { classes: dataset.classes, train, evaluation: held?.held ?? dataset.test };
}
