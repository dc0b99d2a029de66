/** The classifier: whole numbers from the last tensor to the logits, in which nothing is rounded. */

import { boundedClassifier, demandAccumulator } from './bounds.js';
import {
  type ClassifierLayer,
  type Grid,
  type IntegerTensor,
  type IntegerWeights,
  leastOf,
  type SumPoolLayer,
} from './integerNetwork.js';
import { channelSteps, exactLog2 } from './requantization.js';

/** All logits in one unit: the finest of the products' and the bias's steps, a power of two apart from each other. */
export function classifierLayer(
  input: IntegerTensor,
  weights: IntegerWeights,
  bias: IntegerWeights,
  pixels: number,
): ClassifierLayer {
  const outputs = weights.shape[1]!;
  const steps = channelSteps(input.step, weights, outputs);
  const biasStep = bias.step / pixels;
  const unit = Math.min(...steps, biasStep);
  const shifts = Uint8Array.from(steps, (step) => exactLog2(step / unit, weights.name));
  const biasShift = exactLog2(biasStep / unit, bias.name);
  const layer = boundedClassifier({
    ...{ op: 'classifier', name: 'logits', input, weights, bias, shifts, biasFactor: pixels, biasShift, unit },
  });
  demandAccumulator({ weights, lo: [layer.sums.lo], hi: [layer.sums.hi] });
  return layer;
}

/** Logits times a number; a negative one goes into the weights, so that the largest integer is the largest logit. */
export function scaledClassifier(layer: ClassifierLayer, factor: number): ClassifierLayer {
  const unit = layer.unit * Math.abs(factor);
  if (factor > 0) return { ...layer, unit };
  const negated = (weights: IntegerWeights) => ({ ...weights, values: weights.values.map((value) => -value) });
  return boundedClassifier({
    ...layer,
    ...{ unit, weights: negated(layer.weights), bias: layer.bias && negated(layer.bias) },
  });
}

/** The sums over all pixels, whose step carries the division of their mean. */
export function sumPoolLayer(input: IntegerTensor): SumPoolLayer {
  const [height, width, channels] = input.shape as [number, number, number];
  const pixels = height * width;
  const grid: Grid = { type: 'uniform', lo: leastOf(input.grid) * pixels, hi: input.grid.hi * pixels };
  const name = `${input.name}/sum`;
  const output = { name, shape: [channels], grid, step: input.step / pixels, bits: 32, usedChannels: channels };
  return { op: 'sumPool', name, input, output };
}
