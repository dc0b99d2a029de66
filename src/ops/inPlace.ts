/**
 * Which results an operation may write over which operands, as [result, operand] pairs: element i of the result needs
 * element i of that operand only, and an engine must read it before it writes.
 */

import type { OpName } from './attributes.js';

export const inPlace: Partial<Record<OpName, readonly (readonly [result: number, operand: number])[]>> = {
  activation: [[0, 0]],
  activationGradient: [
    [0, 2],
    [0, 0],
  ],
  conv2dInputGradient: [[0, 2]],
  depthwiseConv2dInputGradient: [[0, 2]],
  batchNorm: [[0, 4]],
  batchNormGradientReduce: [[0, 6]],
  batchNormGradientApply: [
    [0, 0],
    [0, 1],
  ],
  add: [
    [0, 0],
    [0, 1],
  ],
  scale: [[0, 0]],
  scaleGradient: [[0, 2]],
  softmaxCrossEntropyGradient: [[0, 0]],
};
