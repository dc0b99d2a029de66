/** A trained run as an integer network, for the measurements beside this file. */
import { useFixedPairs } from '../dist/program/parameters.js';
import { buildEvaluationProgram } from '../dist/program/trainingProgram.js';
import { evaluatedExperiment, evaluatedParameters } from '../dist/runs/evaluationData.js';
import { openRunFolder } from '../dist/runs/index.js';
import { lowerNetwork } from '../dist/ship/lowering.js';
import { programOptions } from '../dist/train/programOptions.js';
import { readStartingWeights } from '../dist/weights/index.js';

/** The integer network of a run; those of older versions, which kept no classes, were trained on ten. */
export async function networkOf(root) {
  const run = openRunFolder(root);
  const weights = await readStartingWeights(evaluatedParameters(run.folder, false));
  const { classes, image: imageShape } = run.config.data ?? { classes: Array(10).fill(''), image: [32, 32, 3] };
  const shape = { classes: classes.length, imageShape, trainImages: 1, evaluationImages: 1 };
  const experiment = evaluatedExperiment(run, {});
  const program = buildEvaluationProgram({ ...programOptions(experiment, shape, weights), batchSize: 1 });
  useFixedPairs(program, weights);
  return lowerNetwork(program, classes).network;
}
