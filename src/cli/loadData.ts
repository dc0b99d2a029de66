/** The images of an experiment: loaded, limited, split, checked against the batch size. */

import { type ImageSet, loadDataset, split } from '../data/index.js';
import { InputError } from '../errors.js';
import type { Experiment } from '../experiment/index.js';

export interface ExperimentData {
  readonly classes: readonly string[];
  readonly train: ImageSet;
  /** Chooses the best parameters. */
  readonly evaluation: ImageSet;
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
