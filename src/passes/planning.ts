/** Makes the plan for an engine from the graphs of all phases. */

import { type Graph, operandsOf, resultsOf } from '../graph/graph.js';
import type { Plan } from '../graph/plan.js';
import type { Storage } from '../graph/tensor.js';
import { validate } from './validation.js';

/**
 * Checks every node and collects the storages of all phases.
 *
 * @throws {InputError} if a node does not fit its operation's definition.
 */
export function makePlan(phases: Readonly<Record<string, Graph>>): Plan {
  const storages = new Map<string, Storage>();
  for (const graph of Object.values(phases)) {
    validate(graph);
    for (const { view } of graph.nodes.flatMap((node) => [...operandsOf(node), ...resultsOf(node)])) {
      if (!view) continue;
      const { storage } = view;
      const known = storages.get(storage.name);
      if (known && known !== storage) throw new Error(`two storages are called ${storage.name}`);
      storages.set(storage.name, storage);
    }
  }
  return {
    storages: [...storages.values()],
    phases: Object.fromEntries(Object.entries(phases).map(([name, graph]) => [name, graph.nodes])),
  };
}
