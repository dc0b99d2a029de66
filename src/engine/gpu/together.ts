/**
 * Neighbouring operations that become one dispatch: the quantizers of all weights, and their gradients, which
 * `schedule.ts` has moved together. As dispatches of their own they would cost more than their arithmetic does.
 */

import type { AnyNode, Node } from '../../graph/graph.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import type { Placement } from './kernel.js';

/** Most operations in a dispatch: each is a branch of the kernel, and ranks that exchange its results wait for all. */
export const mostTogether = 8;

/** Storage buffers that WebGPU promises to a kernel, less one for partial sums. */
export const mostBuffers = 7;

/** The nodes in order, those of one dispatch together. */
export function dispatchedTogether(nodes: readonly AnyNode[], placement: Placement): AnyNode[][] {
  const groups: AnyNode[][] = [];
  for (const node of nodes) {
    const group = groups.at(-1);
    if (group && joins(node, group, placement)) group.push(node);
    else groups.push([node]);
  }
  return groups;
}

function joins(node: AnyNode, group: readonly AnyNode[], placement: Placement): boolean {
  if (group.length >= mostTogether || !isOfWeights(node)) return false;
  const { ranges } = node.operands;
  const isAlike = (other: OfWeights) => kernelOf(other) === kernelOf(node) && other.operands.ranges === ranges;
  if (!group.every((other) => isOfWeights(other) && isAlike(other))) return false;
  const bound = [...group, node].flatMap((each) =>
    tensorsOf(each as OfWeights).map((tensor) => placement.place(tensor)),
  );
  return new Set(bound.map(({ buffer }) => buffer)).size <= mostBuffers;
}

type OfWeights = Node<'activation' | 'activationGradient'>;

/** Tells whether a node quantizes stored numbers into transient ones, or is the gradient of that, into stored ones. */
export function isOfWeights(node: AnyNode): node is AnyNode & OfWeights {
  if (node.op !== 'activation' && node.op !== 'activationGradient') return false;
  const { x } = node.operands;
  const isWide = elementCount(x.shape) % 4 === 0 && x.view !== null && x.view.offset % 4 === 0;
  if (node.op === 'activation') return isWide && !node.results.y.view;
  const { dx, sums } = node.results;
  return isWide && sums !== null && dx.view !== null;
}

/** The same for nodes that one kernel can do. */
function kernelOf({ op, attributes: { activation } }: OfWeights): string {
  return JSON.stringify([op, { ...activation, row: 0 }]);
}

function tensorsOf({ operands, results }: OfWeights): Tensor[] {
  return [...Object.values(operands), ...Object.values(results)].filter((tensor) => tensor !== null);
}
