/** The images of an experiment: loaded, limited, split. */

import { Cifar10Missing, type ImageSet, loadDataset, split } from '../data/index.js';
import { type ConfigFile, type Experiment, resolveExperiment } from '../experiment/index.js';
import type { RunEvents } from './runEvents.js';

export interface ExperimentData {
  readonly classes: readonly string[];
  readonly train: ImageSet;
  /** Held out from the training images to choose the best parameters; `null` where the test images choose. */
  readonly validation: ImageSet | null;
  readonly test: ImageSet;
}

/** The sets to evaluate: the one that chooses first, then the test images if they are another. */
export function evaluationSets({ validation, test }: ExperimentData): readonly [ImageSet, ...ImageSet[]] {
  return validation ? [validation, test] : [test];
}

/**
 * The experiment itself, or, where nobody chose the data and CIFAR-10, the default, is not to be had, the experiment on
 * generated images, with a line that says so. `load` loads the images of an experiment.
 */
export async function withGeneratedData(
  experiment: Experiment,
  file: ConfigFile,
  load: (experiment: Experiment) => Promise<unknown>,
  events: Pick<RunEvents, 'line'>,
): Promise<Experiment> {
  try {
    await load(experiment);
    return experiment;
  } catch (error) {
    if (!(error instanceof Cifar10Missing) || experiment.sources.has('data')) throw error;
    events.line(`NOTE: training on GENERATED images (data = synthetic), not on CIFAR-10: ${error.message}`);
    const overrides = { ...Object.fromEntries(experiment.overrides), data: 'synthetic' };
    return resolveExperiment(file, experiment.name, overrides);
  }
}

export async function loadExperimentData(
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
  const parts = data.validationSplit > 0 ? split(dataset.train, data.validationSplit, training.seed) : null;
  return {
    classes: dataset.classes,
    train: parts?.rest ?? dataset.train,
    validation: parts?.held ?? null,
    test: dataset.test,
  };
}
