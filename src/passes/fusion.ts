/**
 * Fusion of the forward graph, before it is differentiated: a batch normalisation absorbs the sum and the activation
 * behind it if nothing else reads the tensors between. The fused operation has its own gradient rule, so the backward
 * pass is as coarse as the forward one.
 */

import { type AnyNode, type Graph, type Node, operandsOf } from '../graph/graph.js';

export function fuse(graph: Graph): void {
  let index = 0;
  while (index < graph.nodes.length) {
    const node = graph.nodes[index];
    const follower = node?.op === 'batchNorm' ? soleReader(graph, node) : null;
    const fused = follower && takenIn(node as Node<'batchNorm'>, follower);
    if (fused) {
      // The fused node takes the follower's position, where all its operands exist.
      graph.nodes.splice(graph.nodes.indexOf(follower), 1, fused);
      graph.nodes.splice(index, 1);
    } else index++;
  }
}

function soleReader(graph: Graph, { results: { y } }: Node<'batchNorm'>): AnyNode | null {
  const readers = graph.nodes.filter((other) => operandsOf(other).includes(y));
  return readers.length === 1 ? readers[0]! : null;
}

/** Both nodes as one; null if the batch normalisation cannot absorb the follower. */
function takenIn(node: Node<'batchNorm'>, follower: AnyNode): Node<'batchNorm'> | null {
  if (node.attributes.activation) return null;
  if (follower.op === 'add' && !node.operands.shortcut) {
    const { a, b } = follower.operands;
    const shortcut = a === node.results.y ? b : a;
    if (shortcut === node.results.y) return null;
    return { ...node, operands: { ...node.operands, shortcut }, results: follower.results };
  }
  if (follower.op === 'activation') {
    const { results, attributes } = follower;
    return { ...node, operands: { ...node.operands, ranges: follower.operands.ranges }, results, attributes };
  }
  return null;
}
