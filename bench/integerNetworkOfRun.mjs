/** A trained run as an integer network, for the measurements beside this file. */
import { createReferenceEngine } from '../dist/engine/reference/index.js';
import { openInference } from '../dist/program/inference.js';
import { useFixedPairs } from '../dist/program/parameters.js';
import { buildEvaluationProgram } from '../dist/program/trainingProgram.js';
import { evaluatedExperiment, evaluatedParameters } from '../dist/runs/evaluationData.js';
import { openRunFolder } from '../dist/runs/index.js';
import { lowerNetwork } from '../dist/ship/lowering.js';
import { programOptions } from '../dist/train/programOptions.js';
import { readStartingWeights } from '../dist/weights/index.js';

/** The integer network of a run. */
export async function networkOf(root) {
  const { options, weights, classes } = await openRun(root);
  const program = buildEvaluationProgram({ ...options, starting: weights });
  useFixedPairs(program, weights);
  return lowerNetwork(program, classes).network;
}

/** The logits [images, classes] of the float64 reference, for images of bytes. */
export async function referenceLogits(root, images) {
  const { options, weights, imageShape } = await openRun(root);
  const [height, width, channels] = imageShape;
  const bytes = new Uint8Array(images.length * height * width * channels);
  for (const [at, image] of images.entries()) bytes.set(image, at * image.length);
  const labels = new Int32Array(images.length);
  const inference = await openInference(createReferenceEngine(), options, weights);
  return inference.logits({ images: bytes, labels, count: images.length, height, width, channels });
}

/** What a network of a run is built from; runs of older versions, which kept no classes, were trained on ten. */
async function openRun(root) {
  const run = openRunFolder(root);
  const weights = await readStartingWeights(evaluatedParameters(run.folder, false));
  const { classes, image: imageShape } = run.config.data ?? { classes: Array(10).fill(''), image: [32, 32, 3] };
  const shape = { classes: classes.length, imageShape, trainImages: 1, evaluationImages: 1 };
  const options = { ...programOptions(evaluatedExperiment(run, {}), shape, null), batchSize: 1 };
  return { options, weights, classes, imageShape };
}
