/**
 * Reverse-mode differentiation: walks a forward graph backwards and appends the gradients as more nodes.
 *
 * Where a tensor is read several times its gradients add up. A convolution adds an existing gradient in its own last
 * pass, so that a residual network's backward pass has no sums of its own.
 */

import type { AnyNode, Graph, Node } from '../graph/graph.js';
import type { StorageView, Tensor } from '../graph/tensor.js';
import type { GradientRule } from '../ops/gradientRule.js';
import { gradientRules } from '../ops/gradientRules.js';
import { add } from '../ops/shortcut.js';

/**
 * Appends the gradients of `loss` to the graph that computes it.
 *
 * @param places where the gradients of parameters go, by tensor id of the parameter
 * @param sums the storage of the quantizers' reductions, [Q, 2]
 */
export function appendGradients(
  graph: Graph,
  loss: Tensor,
  places: ReadonlyMap<number, StorageView>,
  sums: Tensor,
): void {
  const gradients = new Map<number, Tensor>([[loss.id, loss]]);
  for (const node of [...graph.nodes].reverse()) {
    const upstream = node.outputs.map((output) => gradients.get(output.id) ?? null);
    if (upstream.every((gradient) => gradient === null)) continue;
    const rule = gradientRules[node.op] as GradientRule<AnyNode['op']> | undefined;
    if (!rule) continue;
    rule(graph, node as Node, upstream, sums).forEach((gradient, index) => {
      const input = node.inputs[index];
      if (!gradient || !input) return;
      const known = gradients.get(input.id);
      gradients.set(input.id, known ? sum(graph, known, gradient) : gradient);
    });
  }
  for (const [id, view] of places) {
    const gradient = gradients.get(id);
    if (gradient) gradient.view = view;
  }
}

/** Of a gradient that is known and one whose node is among the last. */
function sum(graph: Graph, known: Tensor, gradient: Tensor): Tensor {
  const last = graph.nodes.findLastIndex((node) => node.outputs[0] === gradient);
  const producer = graph.nodes[last];
  const takesAddend = producer?.op === 'conv2dInputGradient' || producer?.op === 'depthwiseConv2dInputGradient';
  if (takesAddend && !producer.inputs[2]) {
    const [dy, w] = producer.inputs;
    graph.nodes[last] = { ...producer, inputs: [dy ?? null, w ?? null, known] };
    return gradient;
  }
  return add(graph, known, gradient);
}
