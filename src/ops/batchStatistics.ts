/**
 * Statistics for batch normalisation: mean and 1/√(var + ε) of each channel, from the moments of the batch or from
 * running ones.
 */

import type { Graph } from '../graph/graph.js';
import { dimension, elementCount, type StorageView, type Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';

interface BatchMoments {
  /** Number of elements a channel. */
  readonly count: number;
  readonly epsilon: number;
  /** Weight of the old running value. */
  readonly decay: number;
}

const signature = {
  /** `moments`: mean and biased variance of the batch, [2, C]. */
  operands: { moments: '[2,C]', runningMean: '[C]', runningVariance: '[C]' },
  results: { statistics: '[2,C]' },
} as const;

export type BatchStatistics = Operation<typeof signature, BatchMoments>;

/**
 * Mean and 1/√(var + ε) of the batch. Updates the running moments, the variance with the unbiased one of the batch
 * (with the biased one of a single element).
 */
export const batchStatisticsDefinition: Definition<BatchStatistics> = {
  op: 'batchStatistics',
  ...signature,
  check: ({ count }) => (count >= 1 ? null : `a count of ${count} elements, right would be at least 1`),
  gradient: 'none',
  updates: ['runningMean', 'runningVariance'],
  compute: ({ moments, runningMean, runningVariance }, { statistics }, { count, epsilon, decay }, { C }) => {
    for (let c = 0; c < C; c++) {
      const mean = moments[c]!;
      const variance = moments[C + c]!;
      statistics[c] = mean;
      statistics[C + c] = 1 / Math.sqrt(variance + epsilon);
      runningMean[c] = decay * runningMean[c]! + (1 - decay) * mean;
      runningVariance[c] = decay * runningVariance[c]! + (1 - decay) * variance * (count / Math.max(1, count - 1));
    }
  },
};

const runningSignature = {
  operands: { runningMean: '[C]', runningVariance: '[C]' },
  results: { statistics: '[2,C]' },
} as const;

export type RunningStatistics = Operation<typeof runningSignature, { readonly epsilon: number }>;

export const runningStatisticsDefinition: Definition<RunningStatistics> = {
  op: 'runningStatistics',
  ...runningSignature,
  gradient: 'none',
  compute: ({ runningMean, runningVariance }, { statistics }, { epsilon }, { C }) => {
    for (let c = 0; c < C; c++) {
      statistics[c] = runningMean[c]!;
      statistics[C + c] = 1 / Math.sqrt(runningVariance[c]! + epsilon);
    }
  },
};

export interface RunningMoments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Mean and 1/√(var + ε) of the batch, [2, C], from its moments. Updates the running moments. */
export function batchStatistics(
  graph: Graph,
  x: Tensor,
  moments: Tensor,
  running: RunningMoments,
  { epsilon, decay, view }: { readonly epsilon: number; readonly decay: number; readonly view: StorageView },
): Tensor {
  const operands = { moments, runningMean: running.mean, runningVariance: running.variance };
  const attributes = { count: elementCount(x.shape) / dimension(moments, 1), epsilon, decay };
  const { statistics: shape } = resultShapes(batchStatisticsDefinition, operands, attributes);
  const statistics = graph.tensor(`statistics(${x.name})`, shape, view);
  graph.append('batchStatistics', operands, { statistics }, attributes);
  return statistics;
}

/** Mean and 1/√(var + ε), [2, C], from the running moments, for evaluation. */
export function runningStatistics(graph: Graph, running: RunningMoments, epsilon: number): Tensor {
  const operands = { runningMean: running.mean, runningVariance: running.variance };
  const { statistics: shape } = resultShapes(runningStatisticsDefinition, operands, { epsilon });
  const statistics = graph.tensor(`statistics(${running.mean.name})`, shape);
  graph.append('runningStatistics', operands, { statistics }, { epsilon });
  return statistics;
}
