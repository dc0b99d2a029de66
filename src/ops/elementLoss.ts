/**
 * A loss for each output and its target, averaged over the outputs of an input and over the batch, and the count for
 * the training metric (squared errors, or wrong labels).
 *
 * | kind   | loss of an output o with target t             | gradient | counted                       |
 * |--------|-----------------------------------------------|----------|-------------------------------|
 * | values | (o − t)²                                      | 2(o − t) | (o − t)²                      |
 * | labels | log(1 + eᵒ) − t·o, the cross-entropy of σ(o)  | σ(o) − t | o > 0 ≠ t > ½, or o no number |
 *
 * Inputs with label −1, which fill up an incomplete batch, are not counted, nor are label targets outside of 0 … 1 (−1:
 * unknown). The mean still divides by all outputs of the batch, so that the mean over shards is that of the batch.
 */

import type { Graph } from '../graph/graph.js';
import type { StorageView, Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { gradientLike } from './tensors.js';

export interface ElementLossKind {
  readonly kind: 'values' | 'labels';
}

const operands = { outputs: '[B,...S]', targets: '[B,...S]', labels: 'int32 [B]' } as const;

const signature = {
  operands,
  /** Σ loss / (B·S), and Σ counted / S. */
  results: { loss: '[2]' },
} as const;

export type ElementLoss = Operation<typeof signature, ElementLossKind>;

export const elementLossDefinition: Definition<ElementLoss> = {
  op: 'elementLoss',
  ...signature,
  // Differentiation starts here: the loss has gradient 1 with respect to itself.
  gradient: (graph, { operands: { outputs, targets, labels }, attributes }) => {
    const doutputs = gradientLike(graph, outputs);
    graph.append('elementLossGradient', { outputs, targets, labels }, { doutputs }, attributes);
    return { outputs: doutputs };
  },
  onTheWay: false,
  values: 'new',
  compute: ({ outputs, targets, labels }, { loss: result }, { kind }, { B, S }) => {
    let [loss, counted] = [0, 0];
    for (let i = 0; i < B * S; i++) {
      const [o, t] = [outputs[i]!, targets[i]!];
      if (labels[Math.floor(i / S)]! < 0 || !counts(kind, t)) continue;
      if (kind === 'values') {
        loss += (o - t) ** 2;
        counted += (o - t) ** 2;
      } else {
        // log(1 + eᵒ) in a form without overflow.
        loss += Math.max(o, 0) + Math.log1p(Math.exp(-Math.abs(o))) - t * o;
        if (o > 0 !== t > 0.5 || Number.isNaN(o)) counted++;
      }
    }
    result.set([loss / (B * S), counted / S]);
  },
};

const gradientSignature = {
  operands,
  /** Gradient of Σ loss / (B·S). */
  results: { doutputs: '[B,...S]' },
} as const;

export type ElementLossGradient = Operation<typeof gradientSignature, ElementLossKind>;

export const elementLossGradientDefinition: Definition<ElementLossGradient> = {
  op: 'elementLossGradient',
  ...gradientSignature,
  gradient: 'none',
  overwrites: { doutputs: ['outputs', 'targets'] },
  compute: ({ outputs, targets, labels }, { doutputs }, { kind }, { B, S }) => {
    for (let i = 0; i < B * S; i++) {
      const [o, t] = [outputs[i]!, targets[i]!];
      const isCounted = labels[Math.floor(i / S)]! >= 0 && counts(kind, t);
      const gradient = kind === 'values' ? 2 * (o - t) : 1 / (1 + Math.exp(-o)) - t;
      doutputs[i] = isCounted ? gradient / (B * S) : 0;
    }
  },
};

function counts(kind: ElementLossKind['kind'], target: number): boolean {
  return kind === 'values' || (target >= 0 && target <= 1);
}

/**
 * The loss of outputs [B,...S] for targets of the same shape. `labels`: [B], −1 for padding. `view`: where [loss,
 * counted] is stored.
 */
export function elementLoss(
  graph: Graph,
  { outputs, targets, labels }: { readonly outputs: Tensor; readonly targets: Tensor; readonly labels: Tensor },
  view: StorageView,
  kind: ElementLossKind['kind'],
): Tensor {
  const loss = graph.tensor('loss', [2], view);
  graph.append('elementLoss', { outputs, targets, labels }, { loss }, { kind });
  return loss;
}
