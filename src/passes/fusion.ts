/**
 * Fusion of the forward graph, before it is differentiated: a batch normalisation takes in the sum and the activation
 * that follow it where nothing else reads what lies between. The fused operation brings its own gradient rule, so the
 * backward pass is as coarse as the forward one.
 */

import type { AnyNode, Graph, Node } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

export function fuse(graph: Graph): void {
  let index = 0;
  while (index < graph.nodes.length) {
    const node = graph.nodes[index];
    const fused = node?.op === 'batchNorm' ? withFollower(graph, node) : null;
    if (fused) {
      // The fused node stands where the follower stood: all its operands exist by then.
      graph.nodes.splice(fused.position, 1, fused.node as AnyNode);
      graph.nodes.splice(index, 1);
    } else index++;
  }
}

function withFollower(graph: Graph, node: Node<'batchNorm'>): { node: Node<'batchNorm'>; position: number } | null {
  const output = node.outputs[0];
  if (!output || node.attributes.activation) return null;
  const readers = graph.nodes.filter((other) => other.inputs.includes(output));
  const [follower] = readers;
  if (readers.length !== 1 || !follower) return null;
  const position = graph.nodes.indexOf(follower);
  const [x, statistics, gamma, beta, shortcut] = node.inputs as Tensor[];
  const operands = [x ?? null, statistics ?? null, gamma ?? null, beta ?? null];
  if (follower.op === 'add' && !shortcut) {
    const other = follower.inputs.find((input) => input !== output) ?? null;
    if (!other) return null;
    return { node: { ...node, inputs: [...operands, other, null], outputs: follower.outputs }, position };
  }
  if (follower.op === 'activation') {
    const inputs = [...operands, shortcut ?? null, follower.inputs[1] ?? null];
    return { node: { ...node, inputs, outputs: follower.outputs, attributes: follower.attributes }, position };
  }
  return null;
}
