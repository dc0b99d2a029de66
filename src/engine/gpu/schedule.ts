/**
 * The order of a phase's operations on a GPU. Dispatches without a common written buffer overlap on the device, so
 * operations with few dependencies are moved together: the quantizers of all weights, small kernels each, come before
 * the first layer.
 */

import { type AnyNode, operandsOf, resultsOf } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import type { Storage } from '../../graph/tensor.js';
import { writtenBy } from '../../ops/writtenBy.js';
import { traitsOf } from './kernelTraits.js';

export function schedulePlan(plan: Plan): Plan {
  const phases = Object.entries(plan.phases).map(([phase, nodes]) => [phase, weightsFirst(nodes)] as const);
  return { ...plan, phases: Object.fromEntries(phases) };
}

/** Moves operations on stored tensors only up to directly behind the nodes that write their other operands. */
function weightsFirst(nodes: readonly AnyNode[]): AnyNode[] {
  const moved = movable(nodes);
  const rest = nodes.filter((node) => !moved.has(node));
  const read = new Set([...moved].flatMap(operandsOf));
  const start = rest.findLastIndex((node) => resultsOf(node).some((tensor) => !tensor.view && read.has(tensor))) + 1;
  return [...rest.slice(0, start), ...moved, ...rest.slice(start)];
}

/** Nodes that make a transient tensor from a stored one that no earlier node writes. */
function movable(nodes: readonly AnyNode[]): ReadonlySet<AnyNode> {
  const moved = new Set<AnyNode>();
  const written = new Set<Storage>();
  for (const node of nodes) {
    const [x] = operandsOf(node);
    const isOfStored = x?.view && operandsOf(node).every(({ view }) => !view || !written.has(view.storage));
    const isTransient = resultsOf(node).every(({ view }) => view === null);
    if (traitsOf(node.op).comesFirst && isOfStored && isTransient) moved.add(node);
    for (const { view } of writtenBy(node)) if (view) written.add(view.storage);
  }
  return moved;
}
