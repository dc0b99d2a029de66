/** Removes nodes whose results nobody reads: neither a later node nor, through a storage, the host or the next step. */

import type { Graph } from '../graph/graph.js';

export function prune(graph: Graph): void {
  const read = new Set<number>();
  for (let index = graph.nodes.length - 1; index >= 0; index--) {
    const node = graph.nodes[index];
    if (!node) continue;
    if (node.outputs.length && node.outputs.every((output) => !output.view && !read.has(output.id))) {
      graph.nodes.splice(index, 1);
      continue;
    }
    for (const input of node.inputs) if (input) read.add(input.id);
  }
}
