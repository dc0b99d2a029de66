/** A trained run as an integer network. */

import { InputError } from '../errors.js';
import { lowerTrained } from '../library/exportNetwork.js';
import { type QuantizerReport, quantizerReport } from '../program/quantizerReport.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { type EvaluatedRun, evaluatedExperiment, evaluatedParameters, openEvaluated } from '../runs/evaluationData.js';
import type { Experiment } from '../settings/index.js';
import type { Lowered, LoweringOptions } from '../ship/lowering.js';
import type { DataDescription } from '../train/dataDescription.js';
import { type LoadedWeights, readStartingWeights } from '../weights/index.js';

export interface TrainedNetwork {
  readonly run: EvaluatedRun;
  readonly experiment: Experiment;
  /** Path of the file of parameters. */
  readonly parameters: string;
  readonly weights: LoadedWeights;
  readonly classes: readonly string[];
  /** The evaluation program of single images that was lowered. */
  readonly program: TrainingProgram;
  readonly lowered: Lowered;
  /** Scaling of input values for each channel: value·scale + offset. */
  readonly scaling: Pick<DataDescription, 'scale' | 'offset'>;
  /** Sizes as counted in training. */
  readonly sizes: QuantizerReport['sizes'];
}

/**
 * The integer network of a run's best or last parameters.
 *
 * @throws InputError for a folder that is no run, for a run without a description of images, and for a network that
 *   cannot run in integers
 */
export async function openTrained(
  root: string,
  last: boolean,
  onProgress?: LoweringOptions['onProgress'],
): Promise<TrainedNetwork> {
  const run = openEvaluated(root);
  const { data } = run.config;
  if (!data) {
    throw new InputError(
      `${root}: is of an older version, which kept neither classes nor the size of images; train it anew`,
    );
  }
  const experiment = evaluatedExperiment(run, {});
  const parameters = evaluatedParameters(run.folder, last);
  const weights = await readStartingWeights(parameters);
  const { lowered, program } = lowerTrained(experiment, data, weights, onProgress);
  const { variables } = program;
  return {
    ...{ run, experiment, parameters, weights, classes: data.classes, scaling: data, program, lowered },
    sizes: quantizerReport(variables, variables.table, 0).sizes,
  };
}
