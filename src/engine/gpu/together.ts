/**
 * Neighbouring operations that become one dispatch: the quantizers of all weights, their gradients, and the statistics
 * that normalisations make of running moments, all of which `schedule.ts` has moved together. As dispatches of their own
 * they would cost more than their arithmetic does.
 */

import { type AnyNode, type Node, operandsOf, resultsOf } from '../../graph/graph.js';
import { elementCount } from '../../graph/tensor.js';
import type { Placement } from './kernel.js';

/** Most operations in a dispatch: each is a branch of the kernel. */
export const mostTogether = 11;

/** Most gradients in a dispatch from which ranks exchange what is there while the rest is still computed. */
export const mostAwaited = 4;

/** Storage buffers of such a dispatch: one is left for partial sums. */
export function mostBuffersTogether({ mostBuffers }: Placement): number {
  return mostBuffers - 1;
}

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
  if (group.length >= mostTogether || !canJoin(node)) return false;
  if (!group.every((other) => canJoin(other) && isAlike(other, node))) return false;
  const bound = [...group, node].flatMap((each) => [...operandsOf(each), ...resultsOf(each)]);
  return new Set(bound.map((tensor) => placement.place(tensor).buffer)).size <= mostBuffersTogether(placement);
}

/** A node that may be dispatched with others. */
export type Together = OfWeights | Node<'runningStatistics'>;

function canJoin(node: AnyNode): node is AnyNode & Together {
  return node.op === 'runningStatistics' || isOfWeights(node);
}

/** Tells whether nodes are dispatched as one. */
export function isTogether(group: readonly AnyNode[]): group is readonly (AnyNode & Together)[] & [Together] {
  return group.length > 1 && group.every(canJoin);
}

/** Tells whether one kernel can do both. */
function isAlike(a: Together, b: Together): boolean {
  if (a.op === 'runningStatistics' || b.op === 'runningStatistics') return a.op === b.op;
  return kernelOf(a) === kernelOf(b) && a.operands.ranges === b.operands.ranges;
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

/** The same for nodes whose kernels are alike. */
function kernelOf({ op, attributes: { activation } }: OfWeights): string {
  return JSON.stringify([op, { ...activation, row: 0 }]);
}
