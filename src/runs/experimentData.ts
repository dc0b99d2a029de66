/** The images of an experiment: loaded or found, limited, split, and checked where they are streamed. */

import { loadDataset, measured } from '../data/files/index.js';
import { type Images, isStream, type OnProgress, split, usualSplit } from '../data/index.js';
import { cacheFolder } from '../disk/cacheFolder.js';
import type { Experiment } from '../settings/index.js';

export interface ExperimentData {
  readonly classes: readonly string[];
  /** Lines that the user should read, such as how many files were left out. */
  readonly notes: readonly string[];
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
 * `test`: only the test images are wanted, and of streamed images only those files are checked; `train` may be empty
 * then, and nothing is held out.
 */
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
    testOnly: use === 'test',
    seed: training.seed,
    onProgress,
  });
  const held = data.validationSplit ?? usualSplit(dataset.train.count);
  const parts = held > 0 ? split(dataset.train, held, training.seed) : null;
  const checked = async (images: Images, isUsed: boolean): Promise<Images> =>
    isUsed && isStream(images) ? measured(images, { cacheDirectory: cacheFolder(), onProgress }) : images;
  const close = async (): Promise<void> => {
    if (isStream(dataset.test)) await dataset.test.decoders.close();
  };
  try {
    return {
      classes: dataset.classes,
      notes: dataset.notes ?? [],
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
