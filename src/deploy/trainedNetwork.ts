/** A trained run as an integer network. */

import { InputError } from '../errors.js';
import { useFixedPairs } from '../program/parameters.js';
import { countChannels, withoutPruned } from '../program/prunedChannels.js';
import { type QuantizerReport, quantizerReport } from '../program/quantizerReport.js';
import { buildEvaluationProgram, type ProgramOptions, type TrainingProgram } from '../program/trainingProgram.js';
import { evaluatedExperiment, evaluatedParameters } from '../runs/evaluationData.js';
import { openRunFolder, type RunConfig, type RunFolder } from '../runs/index.js';
import type { Experiment, Overrides } from '../settings/index.js';
import { type Lowered, lowerNetwork } from '../ship/lowering.js';
import { describedShape, programOptions } from '../train/programOptions.js';
import { type LoadedWeights, readStartingWeights } from '../weights/index.js';

export interface TrainedNetwork {
  readonly run: { readonly folder: RunFolder; readonly config: RunConfig };
  readonly experiment: Experiment;
  /** The file of parameters. */
  readonly parameters: string;
  readonly weights: LoadedWeights;
  readonly classes: readonly string[];
  /** What the integers were made from: an evaluation of single images. */
  readonly program: TrainingProgram;
  readonly lowered: Lowered;
  /** What training counts of it. */
  readonly sizes: QuantizerReport['sizes'];
}

/**
 * The integer network of a run's best parameters, or of its last.
 *
 * @throws InputError for what is no run, for a run without images' description, and for a network that no device could
 *   run in integers
 */
export async function openTrained(root: string, last: boolean, overrides: Overrides = {}): Promise<TrainedNetwork> {
  const run = openRunFolder(root);
  const { data } = run.config;
  if (!data) {
    throw new InputError(
      `${root}: is of an older version, which kept neither classes nor the size of images; train it anew`,
    );
  }
  const experiment = evaluatedExperiment(run, overrides);
  const parameters = evaluatedParameters(run.folder, last);
  const weights = await readStartingWeights(parameters);
  const program = openedProgram(
    { ...programOptions(experiment, describedShape(data), weights), batchSize: 1 },
    weights,
  );
  const { variables } = program;
  return {
    ...{ run, experiment, parameters, weights, classes: data.classes, program },
    lowered: lowerNetwork(program, data.classes),
    sizes: quantizerReport(variables, variables.table, 0).sizes,
  };
}

/** The evaluation of the network that is left where channels are pruned. */
function openedProgram(options: ProgramOptions, weights: LoadedWeights): TrainingProgram {
  const whole = buildEvaluationProgram(options);
  useFixedPairs(whole, weights);
  countChannels(whole, (name) => weights.get(name)?.values);
  const left = withoutPruned(whole, weights);
  if (left.options === whole.options) return whole;
  const thin = buildEvaluationProgram({ ...left.options, starting: left.weights });
  useFixedPairs(thin, weights);
  return thin;
}
