/** The images of an experiment: loaded or found, limited, split, and checked where they are streamed. */

import { Cifar10Missing, loadDataset, measured } from '../data/files/index.js';
import { type Images, isStream, type OnProgress, split } from '../data/index.js';
import { cacheFolder } from '../disk/cacheFolder.js';
import { type ConfigFile, type Experiment, resolveExperiment } from '../settings/index.js';
import type { RunEvents } from './runEvents.js';

export interface ExperimentData {
  readonly classes: readonly string[];
  readonly train: Images;
  /** Held out from the training images to choose the best parameters; `null` where the test images choose. */
  readonly validation: Images | null;
  readonly test: Images;
  /** Ends the decoders of streamed images. */
  close(): Promise<void>;
}

/** The sets to evaluate: the one that chooses first, then the test images if they are another. */
export function evaluationSets({ validation, test }: ExperimentData): readonly [Images, ...Images[]] {
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

/** `use`: the files of streamed images are checked only where they will be read. */
export async function loadExperimentData(
  experiment: Experiment,
  onTask: (task: string, done: number, total: number) => void,
  use: 'all' | 'test' = 'all',
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
  const parts = data.validationSplit > 0 ? split(dataset.train, data.validationSplit, training.seed) : null;
  const checked = async (images: Images, isUsed: boolean): Promise<Images> =>
    isUsed && isStream(images) ? measured(images, { cacheDirectory: cacheFolder(), onProgress }) : images;
  const close = async (): Promise<void> => {
    if (isStream(dataset.test)) await dataset.test.decoders.close();
  };
  try {
    return {
      classes: dataset.classes,
      train: await checked(parts?.rest ?? dataset.train, use === 'all'),
      validation: parts && (await checked(parts.held, use === 'all')),
      test: await checked(dataset.test, true),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
