/**
 * Batch normalization (Ioffe and Szegedy, arXiv 1502.03167), fused with the addition of a shortcut and the activation
 * that follow it: z = γ·x̂ + β + shortcut, x̂ = (x − mean)·invstd, y = act(z). The backward pass computes z again.
 */

import { dimension, type Tensor } from '../../graph/tensor.js';
import type { Activation } from '../../ops/attributes.js';
import { operand, optionalOperand, optionalResult, result } from '../operands.js';
import { activationFunctions } from './activation.js';
import type { Kernel } from './kernel.js';
import type { Memory } from './memory.js';

export const batchStatistics: Kernel<'batchStatistics'> = (node, memory) => {
  const moments = memory.floats(operand(node, 0));
  const runningMean = memory.floats(operand(node, 1));
  const runningVariance = memory.floats(operand(node, 2));
  const statistics = memory.floats(result(node, 0));
  const { count, epsilon, decay } = node.attributes;
  const channels = runningMean.length;
  for (let c = 0; c < channels; c++) {
    const mean = moments[c]!;
    const variance = moments[channels + c]!;
    statistics[c] = mean;
    statistics[channels + c] = 1 / Math.sqrt(variance + epsilon);
    runningMean[c] = decay * runningMean[c]! + (1 - decay) * mean;
    runningVariance[c] = decay * runningVariance[c]! + (1 - decay) * variance * (count / Math.max(1, count - 1));
  }
};

export const runningStatistics: Kernel<'runningStatistics'> = (node, memory) => {
  const mean = memory.floats(operand(node, 0));
  const variance = memory.floats(operand(node, 1));
  const statistics = memory.floats(result(node, 0));
  for (let c = 0; c < mean.length; c++) {
    statistics[c] = mean[c]!;
    statistics[mean.length + c] = 1 / Math.sqrt(variance[c]! + node.attributes.epsilon);
  }
};

export const batchNorm: Kernel<'batchNorm'> = (node, memory) => {
  const { z, length, value } = normalized(node, memory);
  const y = memory.floats(result(node, 0));
  for (let i = 0; i < length; i++) y[i] = value(z(i));
};

export const batchNormGradientReduce: Kernel<'batchNormGradientReduce'> = (node, memory) => {
  const { z, xhat, length, channels, inputFactor, rangeFactor0, rangeFactor1 } = normalized(node, memory);
  const dy = memory.floats(operand(node, 6));
  const dz = memory.floats(result(node, 0));
  const dgamma = memory.floats(result(node, 1)).fill(0);
  const dbeta = memory.floats(result(node, 2)).fill(0);
  const sums = optionalResult(node, 3);
  let s0 = 0;
  let s1 = 0;
  for (let i = 0; i < length; i++) {
    const element = z(i);
    const g = dy[i]!;
    const gz = g * inputFactor(element);
    s0 += g * rangeFactor0(element);
    s1 += g * rangeFactor1(element);
    dgamma[i % channels]! += gz * xhat(i);
    dbeta[i % channels]! += gz;
    dz[i] = gz;
  }
  if (sums) memory.floats(sums).set([s0, s1]);
};

export const batchNormGradientApply: Kernel<'batchNormGradientApply'> = (node, memory) => {
  const dz = memory.floats(operand(node, 0));
  const x = memory.floats(operand(node, 1));
  const statistics = memory.floats(operand(node, 2));
  const gamma = memory.floats(operand(node, 3));
  const dgamma = memory.floats(operand(node, 4));
  const dbeta = memory.floats(operand(node, 5));
  const dx = memory.floats(result(node, 0));
  const channels = gamma.length;
  const count = x.length / channels;
  for (let i = 0; i < x.length; i++) {
    const c = i % channels;
    const invstd = statistics[channels + c]!;
    const xhat = (x[i]! - statistics[c]!) * invstd;
    dx[i] = gamma[c]! * invstd * (dz[i]! - dbeta[c]! / count - (xhat * dgamma[c]!) / count);
  }
};

/** What forward and backward pass share: x̂ and z of element i, and the activation. */
function normalized(
  node: {
    readonly op: 'batchNorm' | 'batchNormGradientReduce';
    readonly inputs: readonly (Tensor | null)[];
    readonly outputs: readonly Tensor[];
    readonly attributes: { readonly activation: Activation | null };
  },
  memory: Memory,
) {
  const input = operand(node, 0);
  const x = memory.floats(input);
  const channels = dimension(input, 3);
  const statistics = memory.floats(operand(node, 1));
  const gamma = memory.floats(operand(node, 2));
  const beta = memory.floats(operand(node, 3));
  const shortcutTensor = optionalOperand(node, 4);
  const shortcut = shortcutTensor && memory.floats(shortcutTensor);
  const xhat = (i: number) => (x[i]! - statistics[i % channels]!) * statistics[channels + (i % channels)]!;
  const z = (i: number) => gamma[i % channels]! * xhat(i) + beta[i % channels]! + (shortcut ? shortcut[i]! : 0);
  const functions = activationFunctions(node.attributes.activation, optionalOperand(node, 5), memory);
  return { xhat, z, length: x.length, channels, ...functions };
}
