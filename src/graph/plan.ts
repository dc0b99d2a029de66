/**
 * A plan: what an engine replays. Per phase (a training step, an evaluation step) a list of calls on tensors, each of
 * which is a view of a storage or transient; the engine places the transient ones with `memory.ts`.
 */

import type { AnyNode, Graph } from './graph.js';
import type { Storage } from './tensor.js';

export interface Plan {
  /** Every storage any phase touches, in the order of first use. */
  readonly storages: readonly Storage[];
  /** Calls of a phase in order. Phases share storages; transient tensors of different phases never live together. */
  readonly phases: Readonly<Record<string, readonly AnyNode[]>>;
}

/** Collects the storages of all phases. Two storages of one name must be one object. */
export function makePlan(phases: Readonly<Record<string, Graph>>): Plan {
  const storages = new Map<string, Storage>();
  for (const graph of Object.values(phases)) {
    for (const tensor of graph.nodes.flatMap((node) => [...node.inputs, ...node.outputs])) {
      if (!tensor?.view) continue;
      const { storage, offset } = tensor.view;
      const known = storages.get(storage.name);
      if (known && known !== storage) throw new Error(`two storages are called ${storage.name}`);
      const length = tensor.shape.reduce((product, size) => product * size, 1);
      if (offset + length > storage.length) throw new Error(`tensor ${tensor.name} exceeds storage ${storage.name}`);
      storages.set(storage.name, storage);
    }
  }
  return {
    storages: [...storages.values()],
    phases: Object.fromEntries(Object.entries(phases).map(([name, graph]) => [name, graph.nodes])),
  };
}
