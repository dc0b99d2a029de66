/** Softmax cross-entropy, the mean over the batch, with the number of wrong predictions beside it. */

import type { Graph } from '../graph/graph.js';
import type { StorageView, Tensor } from '../graph/tensor.js';
import { type GradientRule, gradientLike, operand } from './gradientRule.js';

/** `view`: where the two numbers go, [loss, wrong]. `smoothing`: ε of the targets (1 − ε)·[k = label] + ε/K. */
export function softmaxCrossEntropy(
  graph: Graph,
  logits: Tensor,
  labels: Tensor,
  view: StorageView,
  smoothing = 0,
): Tensor {
  const loss = graph.tensor('loss', [2], view);
  graph.append('softmaxCrossEntropy', [logits, labels], [loss], { smoothing });
  return loss;
}

/** The loss is where differentiation starts: its own gradient is 1. */
export const softmaxCrossEntropyGradient: GradientRule<'softmaxCrossEntropy'> = (graph, node) => {
  const logits = operand(node, 0);
  const dlogits = gradientLike(graph, logits);
  graph.append('softmaxCrossEntropyGradient', [logits, operand(node, 1)], [dlogits], node.attributes);
  return [dlogits, null];
};
