/**
 * Softmax cross-entropy to smoothed labels, the mean over the batch, with the number of wrong predictions beside it. Rows
 * of logits are images, or the pixels of images.
 *
 * A label that is no class counts nowhere: neither in the loss, nor as wrong, nor in the gradient. −1 is that of the
 * entries that fill up an incomplete batch. The first of equal logits is the prediction.
 */

import type { Graph } from '../graph/graph.js';
import type { StorageView, Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { gradientLike } from './tensors.js';

/** ε of Szegedy et al. 2016: targets are (1 − ε)·[k = label] + ε/K; 0 by default. */
interface LabelSmoothing {
  readonly smoothing?: number;
}

const check = ({ smoothing = 0 }: LabelSmoothing) =>
  smoothing >= 0 && smoothing < 1 ? null : `smoothing ${smoothing}, right would be a number from 0 to below 1`;

const signature = {
  operands: { logits: '[...B,K]', labels: 'int32 [...B]' },
  /** Σ loss / B, and the number of wrong predictions. */
  results: { loss: '[2]' },
} as const;

export type SoftmaxCrossEntropy = Operation<typeof signature, LabelSmoothing>;

export const softmaxCrossEntropyDefinition: Definition<SoftmaxCrossEntropy> = {
  op: 'softmaxCrossEntropy',
  ...signature,
  check,
  // Differentiation starts here: the loss's own gradient is 1.
  gradient: (graph, { operands: { logits, labels }, attributes }) => {
    const dlogits = gradientLike(graph, logits);
    graph.append('softmaxCrossEntropyGradient', { logits, labels }, { dlogits }, attributes);
    return { logits: dlogits };
  },
  onTheWay: false,
  values: 'new',
  compute: ({ logits, labels }, { loss: result }, { smoothing = 0 }, { B, K }) => {
    let loss = 0;
    let wrong = 0;
    for (let n = 0; n < B; n++) {
      const label = labels[n]!;
      if (!(label >= 0 && label < K)) continue;
      const row = logits.subarray(n * K, (n + 1) * K);
      const target = smoothing > 0 ? (1 - smoothing) * row[label]! + smoothing * mean(row) : row[label]!;
      loss += logSumExp(row) - target;
      if (firstMaximum(row) !== label) wrong++;
    }
    result.set([loss / B, wrong]);
  },
};

const gradientSignature = {
  operands: { logits: '[...B,K]', labels: 'int32 [...B]' },
  /** The gradient of Σ loss / B. */
  results: { dlogits: '[...B,K]' },
} as const;

export type SoftmaxCrossEntropyGradient = Operation<typeof gradientSignature, LabelSmoothing>;

export const softmaxCrossEntropyGradientDefinition: Definition<SoftmaxCrossEntropyGradient> = {
  op: 'softmaxCrossEntropyGradient',
  ...gradientSignature,
  check,
  gradient: 'none',
  overwrites: { dlogits: ['logits'] },
  compute: ({ logits, labels }, { dlogits }, { smoothing = 0 }, { B, K }) => {
    const miss = smoothing / K;
    const hit = 1 - smoothing + miss;
    for (let n = 0; n < B; n++) {
      const label = labels[n]!;
      const isClass = label >= 0 && label < K;
      const row = logits.subarray(n * K, (n + 1) * K);
      const total = logSumExp(row);
      for (let k = 0; k < K; k++) {
        const probability = Math.exp(row[k]! - total);
        dlogits[n * K + k] = isClass ? (probability - (k === label ? hit : miss)) / B : 0;
      }
    }
  },
};

/** `view`: where the two numbers go, [loss, wrong]. `smoothing`: ε of the targets (1 − ε)·[k = label] + ε/K. */
export function softmaxCrossEntropy(
  graph: Graph,
  logits: Tensor,
  labels: Tensor,
  view: StorageView,
  smoothing = 0,
): Tensor {
  const loss = graph.tensor('loss', [2], view);
  graph.append('softmaxCrossEntropy', { logits, labels }, { loss }, { smoothing });
  return loss;
}

/** log Σ exp, shifted by the maximum so that nothing overflows. */
function logSumExp(row: Float64Array): number {
  const maximum = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return maximum + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - maximum), 0));
}

function mean(row: Float64Array): number {
  return row.reduce((sum, logit) => sum + logit, 0) / row.length;
}

function firstMaximum(row: Float64Array): number {
  let best = 0;
  for (let k = 1; k < row.length; k++) if (row[k]! > row[best]!) best = k;
  return best;
}
