/**
 * The order of a phase's operations on a GPU. Dispatches without a common written buffer overlap on the device, so
 * operations with few dependencies are moved together: the quantizers of all weights, small kernels each, come before
 * the first layer.
 */

import { type AnyNode, operandsOf, resultsOf } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import type { Storage, Tensor } from '../../graph/tensor.js';
import { writtenBy } from '../../ops/writtenBy.js';
import { traitsOf } from './kernelTraits.js';

export function schedulePlan(plan: Plan): Plan {
  const phases = Object.entries(plan.phases).map(([phase, nodes]) => [phase, weightsFirst(nodes)] as const);
  return { ...plan, phases: Object.fromEntries(phases) };
}

/** Moves what is done to stored tensors alone to the beginning. */
function weightsFirst(nodes: readonly AnyNode[]): AnyNode[] {
  const moved = movable(nodes);
  return [...moved, ...nodes.filter((node) => !moved.has(node))];
}

/** Nodes that make transient tensors from stored ones that nothing before them writes, or from what such nodes make. */
function movable(nodes: readonly AnyNode[]): ReadonlySet<AnyNode> {
  const moved = new Set<AnyNode>();
  const made = new Set<Tensor>();
  const written = new Set<Storage>();
  for (const node of nodes) {
    const isReady = operandsOf(node).every((tensor) =>
      tensor.view ? !written.has(tensor.view.storage) : made.has(tensor),
    );
    const results = resultsOf(node);
    if (traitsOf(node.op).comesFirst && isReady && results.every(({ view }) => view === null)) {
      moved.add(node);
      for (const tensor of results) made.add(tensor);
    }
    for (const { view } of writtenBy(node)) if (view) written.add(view.storage);
  }
  return moved;
}
