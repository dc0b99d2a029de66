/** The classifier in integers, from the last tensor to the logits, without any rounding. */

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

/**
 * The classifier with all logits in one unit: the finest of the steps of products and bias, whose ratios are powers of
 * two.
 */
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

/**
 * The classifier with logits times a number. A negative one is applied to the weights, so that the largest integer
 * stays the largest logit.
 */
export function scaledClassifier(layer: ClassifierLayer, factor: number): ClassifierLayer {
  const unit = layer.unit * Math.abs(factor);
  if (factor > 0) return { ...layer, unit };
  const negated = (weights: IntegerWeights) => ({ ...weights, values: weights.values.map((value) => -value) });
  return boundedClassifier({
    ...layer,
    ...{ unit, weights: negated(layer.weights), bias: negated(layer.bias) },
  });
}

/** The sums over all pixels; the step includes the division of their mean. */
export function sumPoolLayer(input: IntegerTensor): SumPoolLayer {
  const [height, width, channels] = input.shape as [number, number, number];
  const pixels = height * width;
  const grid: Grid = { type: 'uniform', lo: leastOf(input.grid) * pixels, hi: input.grid.hi * pixels };
  const name = `${input.name}/sum`;
  const output = { name, shape: [channels], grid, step: input.step / pixels, bits: 32, usedChannels: channels };
  return { op: 'sumPool', name, input, output };
}
