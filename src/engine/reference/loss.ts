/** Softmax cross-entropy to smoothed labels, averaged over the batch, with the number of wrong predictions. */

import { dimension } from '../../graph/tensor.js';
import { operand, result } from '../operands.js';
import type { Kernel } from './kernel.js';

export const softmaxCrossEntropy: Kernel<'softmaxCrossEntropy'> = (node, memory) => {
  const logits = memory.floats(operand(node, 0));
  const labels = memory.integers(operand(node, 1));
  const batch = dimension(operand(node, 0), 0);
  const classes = dimension(operand(node, 0), 1);
  const { smoothing = 0 } = node.attributes;
  let loss = 0;
  let wrong = 0;
  for (let n = 0; n < batch; n++) {
    const label = labels[n]!;
    if (label < 0) continue;
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const target = smoothing > 0 ? (1 - smoothing) * row[label]! + smoothing * mean(row) : row[label]!;
    loss += logSumExp(row) - target;
    if (firstMaximum(row) !== label) wrong++;
  }
  memory.floats(result(node, 0)).set([loss / batch, wrong]);
};

export const softmaxCrossEntropyGradient: Kernel<'softmaxCrossEntropyGradient'> = (node, memory) => {
  const logits = memory.floats(operand(node, 0));
  const labels = memory.integers(operand(node, 1));
  const dlogits = memory.floats(result(node, 0));
  const batch = dimension(operand(node, 0), 0);
  const classes = dimension(operand(node, 0), 1);
  const { smoothing = 0 } = node.attributes;
  const miss = smoothing / classes;
  const hit = 1 - smoothing + miss;
  for (let n = 0; n < batch; n++) {
    const label = labels[n]!;
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const total = logSumExp(row);
    for (let k = 0; k < classes; k++) {
      const probability = Math.exp(row[k]! - total);
      dlogits[n * classes + k] = label < 0 ? 0 : (probability - (k === label ? hit : miss)) / batch;
    }
  }
};

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
