/**
 * Softmax cross-entropy with smoothed labels and, if there is a teacher, distillation; the mean over the batch, and the
 * number of wrong predictions. Rows of logits are images, or pixels of images.
 *
 * Rows whose label is no class are not counted: neither in the loss and its gradient nor as wrong. Label −1 fills up an
 * incomplete batch. The first of equal logits is the prediction; with a logit that is not a number there is none, which is
 * wrong.
 *
 * With the logits t of a teacher (Hinton, Vinyals and Dean, arXiv 1503.02531), weight w and temperature T, the loss of
 * a row of logits z is
 *
 *     (1 − w)·L(z) + w·T²·KL(p ‖ q),  p = softmax(t/T),  q = softmax(z/T)
 *
 * and its gradient (1 − w)·L'(z) + w·T·(q − p). The factor T² keeps the second gradient as large at every temperature.
 */

import type { Graph } from '../graph/graph.js';
import type { StorageView, Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { gradientLike } from './tensors.js';

/** ε of label smoothing (Szegedy et al. 2016): targets are (1 − ε)·[k = label] + ε/K; 0 by default. */
interface LabelSmoothing {
  readonly smoothing?: number;
}

/** Weight and temperature of a teacher's logits in the loss. */
export interface Distillation {
  readonly temperature: number;
  /** The weight w of the teacher's part of the loss. */
  readonly weight: number;
}

/** A teacher's logits for a batch, and their weight in the loss. */
export interface Teaching {
  readonly logits: Tensor;
  readonly distillation: Distillation;
}

interface TargetAttributes extends LabelSmoothing {
  readonly distillation?: Distillation;
}

const check = (
  { smoothing = 0, distillation }: TargetAttributes,
  _sizes: unknown,
  { teacher }: { readonly teacher: unknown },
) => {
  if (!(smoothing >= 0 && smoothing < 1)) {
    return `smoothing ${smoothing}, right would be a number from 0 to below 1`;
  }
  if (Boolean(teacher) !== Boolean(distillation)) return 'a teacher without its share, or the other way round';
  const { temperature, weight } = distillation ?? { temperature: 1, weight: 0 };
  if (!(temperature > 0)) return `temperature ${temperature}, right would be a number above 0`;
  return weight >= 0 && weight <= 1 ? null : `weight ${weight}, right would be a number from 0 to 1`;
};

const signature = {
  operands: { logits: '[...B,K]', labels: 'int32 [...B]', teacher: '[...B,K]?' },
  /** Σ loss / B, and the number of wrong predictions. */
  results: { loss: '[2]' },
} as const;

export type SoftmaxCrossEntropy = Operation<typeof signature, TargetAttributes>;

export const softmaxCrossEntropyDefinition: Definition<SoftmaxCrossEntropy> = {
  op: 'softmaxCrossEntropy',
  ...signature,
  check,
  // Differentiation starts here: the loss has gradient 1 with respect to itself.
  gradient: (graph, { operands, attributes }) => {
    const dlogits = gradientLike(graph, operands.logits);
    graph.append('softmaxCrossEntropyGradient', operands, { dlogits }, attributes);
    return { logits: dlogits };
  },
  onTheWay: false,
  values: 'new',
  compute: ({ logits, labels, teacher }, { loss: result }, { smoothing = 0, distillation }, { B, K }) => {
    let loss = 0;
    let wrong = 0;
    for (let n = 0; n < B; n++) {
      const label = labels[n]!;
      if (!(label >= 0 && label < K)) continue;
      const row = logits.subarray(n * K, (n + 1) * K);
      const target = smoothing > 0 ? (1 - smoothing) * row[label]! + smoothing * mean(row) : row[label]!;
      const hard = logSumExp(row) - target;
      if (teacher && distillation) {
        const { temperature, weight } = distillation;
        const divergence = divergenceOf(teacher.subarray(n * K, (n + 1) * K), row, temperature);
        loss += (1 - weight) * hard + weight * temperature ** 2 * divergence;
      } else loss += hard;
      if (predictedClass(row, 0, K) !== label) wrong++;
    }
    result.set([loss / B, wrong]);
  },
};

const gradientSignature = {
  operands: { logits: '[...B,K]', labels: 'int32 [...B]', teacher: '[...B,K]?' },
  /** Gradient of Σ loss / B. */
  results: { dlogits: '[...B,K]' },
} as const;

export type SoftmaxCrossEntropyGradient = Operation<typeof gradientSignature, TargetAttributes>;

export const softmaxCrossEntropyGradientDefinition: Definition<SoftmaxCrossEntropyGradient> = {
  op: 'softmaxCrossEntropyGradient',
  ...gradientSignature,
  check,
  gradient: 'none',
  overwrites: { dlogits: ['logits'] },
  compute: ({ logits, labels, teacher }, { dlogits }, { smoothing = 0, distillation }, { B, K }) => {
    const miss = smoothing / K;
    const hit = 1 - smoothing + miss;
    for (let n = 0; n < B; n++) {
      const label = labels[n]!;
      const isClass = label >= 0 && label < K;
      const row = logits.subarray(n * K, (n + 1) * K);
      const total = logSumExp(row);
      const soft =
        teacher && distillation ? softGradient(teacher.subarray(n * K, (n + 1) * K), row, distillation) : null;
      const { weight } = distillation ?? { weight: 0 };
      for (let k = 0; k < K; k++) {
        const hard = Math.exp(row[k]! - total) - (k === label ? hit : miss);
        dlogits[n * K + k] = isClass ? (soft ? (1 - weight) * hard + soft[k]! : hard) / B : 0;
      }
    }
  },
};

/**
 * The loss of a batch. `view`: where [loss, wrong] is stored. `smoothing`: ε of the targets (1 − ε)·[k = label] + ε/K.
 * `teaching`: the teacher's logits, if there is a teacher.
 */
export function softmaxCrossEntropy(
  graph: Graph,
  logits: Tensor,
  labels: Tensor,
  view: StorageView,
  smoothing = 0,
  teaching: Teaching | null = null,
): Tensor {
  const loss = graph.tensor('loss', [2], view);
  const operands = { logits, labels, teacher: teaching?.logits ?? null };
  graph.append(
    'softmaxCrossEntropy',
    operands,
    { loss },
    { smoothing, ...(teaching && { distillation: teaching.distillation }) },
  );
  return loss;
}

/** KL(softmax(t/T) ‖ softmax(z/T)). */
function divergenceOf(teacher: Float64Array, row: Float64Array, temperature: number): number {
  const [theirs, ours] = [teacher, row].map((logits) => logits.map((logit) => logit / temperature));
  const [total, own] = [logSumExp(theirs!), logSumExp(ours!)];
  return theirs!.reduce((sum, t, k) => sum + Math.exp(t - total) * (t - total - (ours![k]! - own)), 0);
}

/** w·T·(q − p). */
function softGradient(teacher: Float64Array, row: Float64Array, { temperature, weight }: Distillation): Float64Array {
  const [p, q] = [teacher, row].map((logits) => {
    const cool = logits.map((logit) => logit / temperature);
    const total = logSumExp(cool);
    return cool.map((logit) => Math.exp(logit - total));
  });
  return q!.map((probability, k) => weight * temperature * (probability - p![k]!));
}

/** log Σ exp, shifted by the maximum so that nothing overflows. */
function logSumExp(row: Float64Array): number {
  const maximum = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return maximum + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - maximum), 0));
}

function mean(row: Float64Array): number {
  return row.reduce((sum, logit) => sum + logit, 0) / row.length;
}

/** The class with the first of the largest logits, of as many from index `first` on; −1 if one of them is not a number. */
export function predictedClass(logits: ArrayLike<number>, first: number, classes: number): number {
  let best = 0;
  for (let k = 0; k < classes; k++) {
    const logit = logits[first + k]!;
    if (Number.isNaN(logit)) return -1;
    if (logit > logits[first + best]!) best = k;
  }
  return best;
}
