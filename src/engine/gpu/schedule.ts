/**
 * The order of a phase's operations on a GPU. Dispatches that share no written buffer overlap on the device, so what
 * depends on little is brought together: the quantizers of all weights, small kernels each, come before the first layer.
 */

import type { AnyNode } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { averageStorages, STORAGE } from '../../nn/storages.js';

export function schedulePlan(plan: Plan): Plan {
  const phases = Object.entries(plan.phases).map(([phase, nodes]) => [phase, weightsFirst(nodes)] as const);
  return { ...plan, phases: Object.fromEntries(phases) };
}

/** Moves quantizers (or other activations) of stored tensors up to behind what writes their ranges. */
function weightsFirst(nodes: readonly AnyNode[]): AnyNode[] {
  const updates = nodes.findIndex(({ op }) => op === 'parameterUpdate');
  const canMove = (node: AnyNode, index: number) => isOfWeights(node) && (updates < 0 || index < updates);
  const moved = nodes.filter(canMove);
  const rest = nodes.filter((node, index) => !canMove(node, index));
  const start = rest.findIndex(({ op }) => op === 'prepareQuantizers') + 1;
  return [...rest.slice(0, start), ...moved, ...rest.slice(start)];
}

/**
 * Whether a node makes a transient tensor from parameters or their averages, which nothing but the update at the end of
 * a phase writes.
 */
function isOfWeights({ op, inputs, outputs }: AnyNode): boolean {
  const storage = inputs[0]?.view?.storage.name;
  const isOfParameters = storage === STORAGE.parameters || storage === averageStorages.get(STORAGE.parameters);
  const isElementwise = op === 'activation' || op === 'quantizeChannels';
  return isElementwise && isOfParameters && outputs.every(({ view }) => view === null);
}
