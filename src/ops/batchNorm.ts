/**
 * Batch normalisation, y = act(γ·(x − mean)/√(var + ε) + β + shortcut): the shortcut and the activation are absent when
 * it is built and join it by fusion, so that a layer's elements are read and written once.
 *
 * Backward takes two passes, since the gradient of x needs the sums over the whole batch: the first recomputes the
 * pre-activation, masks the gradient and reduces everything, the second applies the sums.
 */

import type { Graph } from '../graph/graph.js';
import { dimension, nhwc, type StorageView, type Tensor } from '../graph/tensor.js';
import { sumsOf } from './activation.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

export interface RunningMoments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Mean and 1/√(var + ε) of the batch, [2, C], from its moments; moves the running moments towards them. */
export function batchStatistics(
  graph: Graph,
  x: Tensor,
  moments: Tensor,
  running: RunningMoments,
  options: { readonly epsilon: number; readonly decay: number; readonly view: StorageView },
): Tensor {
  const [batch, height, width, channels] = nhwc(x);
  const statistics = graph.tensor(`statistics(${x.name})`, [2, channels], options.view);
  graph.append('batchStatistics', [moments, running.mean, running.variance], [statistics], {
    count: batch * height * width,
    epsilon: options.epsilon,
    decay: options.decay,
  });
  return statistics;
}

/** The same from the running moments, for evaluation. */
export function runningStatistics(graph: Graph, running: RunningMoments, epsilon: number): Tensor {
  const statistics = graph.tensor(`statistics(${running.mean.name})`, [2, dimension(running.mean, 0)]);
  graph.append('runningStatistics', [running.mean, running.variance], [statistics], { epsilon });
  return statistics;
}

export function batchNorm(graph: Graph, x: Tensor, statistics: Tensor, gamma: Tensor, beta: Tensor): Tensor {
  const y = graph.tensor(`norm(${x.name})`, x.shape);
  graph.append('batchNorm', [x, statistics, gamma, beta, null, null], [y], { activation: null });
  return y;
}

export const batchNormGradient: GradientRule<'batchNorm'> = (graph, node, [dy], sums) => {
  if (!dy) return [null, null, null, null, null, null];
  const [x, statistics, gamma, beta] = [operand(node, 0), operand(node, 1), operand(node, 2), operand(node, 3)];
  const dz = graph.tensor(`dz(${x.name})`, x.shape);
  const dgamma = gradientLike(graph, gamma);
  const dbeta = gradientLike(graph, beta);
  graph.append(
    'batchNormGradientReduce',
    [...node.inputs, dy],
    [dz, dgamma, dbeta, ...sumsOf(graph, sums, node.attributes.activation)],
    node.attributes,
  );
  const dx = gradientLike(graph, x);
  graph.append('batchNormGradientApply', [dz, x, statistics, gamma, dgamma, dbeta], [dx], {});
  return [dx, null, dgamma, dbeta, node.inputs[4] ? dz : null, null];
};
