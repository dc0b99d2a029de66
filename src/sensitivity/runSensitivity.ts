/** The sensitivity of a run's network, measured on images other than the test images. */

import { limit } from '../data/index.js';
import { InputError } from '../errors.js';
import { openInference } from '../program/inference.js';
import { evaluatedParameters, trainedExperiment } from '../runs/evaluationData.js';
import { loadExperimentData } from '../runs/experimentData.js';
import { openRunFolder } from '../runs/index.js';
import { engineOf } from '../runs/workbench.js';
import type { Overrides } from '../settings/index.js';
import { type MetricName, trainingMetric } from '../task.js';
import { describeData } from '../train/dataDescription.js';
import { dataDifference } from '../train/dataDifference.js';
import { dataShape, programOptions } from '../train/programOptions.js';
import { readStartingWeights } from '../weights/index.js';
import { measureSensitivity, type Reach, type Sensitivity } from './sensitivity.js';

export interface SensitivityOptions {
  /** Other settings of the engine. */
  readonly overrides: Overrides;
  /** True for the last parameters instead of the best. */
  readonly last: boolean;
  /** The most images, chosen by the run's seed. */
  readonly images: number;
  readonly reach: Reach;
}

/**
 * Measures on the validation images that selected the run's parameters, or else on training images, so that bits chosen
 * by the result do not depend on the test images. The metric is that of training, which needs no more of the images
 * than the loss does.
 *
 * @throws InputError for a folder that is no run, a network whose bits cannot change, and images that are not those of
 *   the run
 */
export async function runSensitivity(
  root: string,
  { overrides, last, images: wanted, reach }: SensitivityOptions,
  onTask: (task: string, done: number, total: number) => void,
): Promise<Sensitivity & { readonly of: 'validation' | 'training'; readonly metric: MetricName }> {
  const run = openRunFolder(root);
  const experiment = trainedExperiment(run, overrides);
  const weights = await readStartingWeights(evaluatedParameters(run.folder, last));
  const data = await loadExperimentData(experiment, onTask, 'all', run.config.data ?? undefined);
  try {
    const description = describeData(experiment, data);
    const difference = run.config.data && dataDifference(run.config.data, description);
    if (difference) throw new InputError(`${root}: ${difference}; give it the images that it was trained with`);
    const all = data.validation ?? data.train;
    const images = limit(all, Math.min(wanted, all.count), experiment.training.seed);
    const task = { ...experiment.task, metric: trainingMetric(experiment.task) };
    const shape = { ...dataShape(data, description, images.count), trainImages: 1 };
    const options = programOptions({ ...experiment, task }, shape, null);
    const engine = await engineOf(experiment);
    try {
      const inference = await openInference(engine, options, weights);
      const measured = await measureSensitivity(inference, images, reach, (done, total) =>
        onTask('measuring', done, total),
      );
      if (!measured) {
        throw new InputError(
          `${root}: no tensor can have other bits than it has: the network is float, or its bits are fixed`,
        );
      }
      return { ...measured, of: data.validation ? 'validation' : 'training', metric: task.metric };
    } finally {
      await engine.dispose();
    }
  } finally {
    await data.close();
  }
}
