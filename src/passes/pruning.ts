/** Removes nodes whose results are never read: by a later node or, through a storage, by the host or the next step. */

import { type Graph, operandsOf, resultsOf } from '../graph/graph.js';

export function prune(graph: Graph): void {
  const read = new Set<number>();
  for (let index = graph.nodes.length - 1; index >= 0; index--) {
    const node = graph.nodes[index];
    if (!node) continue;
    const results = resultsOf(node);
    if (results.length && results.every(({ id, view }) => !view && !read.has(id))) {
      graph.nodes.splice(index, 1);
      continue;
    }
    for (const { id } of operandsOf(node)) read.add(id);
  }
}
