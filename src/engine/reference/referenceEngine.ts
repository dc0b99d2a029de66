/**
 * The reference engine: computes every operation by its definition, in float64. The other engines are tested against
 * it; it is only fast enough for small networks.
 */

import { type AnyNode, resultsOf, type Tensors } from '../../graph/graph.js';
import { definitionOf } from '../../ops/index.js';
import { sizesOf } from '../../ops/shapes.js';
import type { Engine, Program } from '../engine.js';
import { type Memory, placePlan } from './memory.js';

export function createReferenceEngine(): Engine {
  return {
    name: 'reference',
    description: 'float64, one thread',
    load: async (plan, onProgress) => {
      const { storages, planBytes, memory } = placePlan(plan);
      onProgress?.('compiling', 1, 1);
      const storageOf = (name: string) => {
        const storage = storages.get(name);
        if (!storage) throw new Error(`the plan has no storage ${name}`);
        return storage;
      };
      const times = new Map<AnyNode, number>();
      const program: Program = {
        planBytes,
        write: (storage, data, offset = 0) => storageOf(storage).set(data, offset),
        read: async (storage, offset = 0, length = storageOf(storage).length - offset) =>
          storageOf(storage).slice(offset, offset + length),
        run: async (phase) => {
          const phaseMemory = memory(phase);
          for (const node of plan.phases[phase] ?? []) {
            const start = performance.now();
            compute(node, phaseMemory);
            times.set(node, (times.get(node) ?? 0) + performance.now() - start);
          }
        },
        profile: async () =>
          Object.entries(plan.phases).flatMap(([phase, nodes]) =>
            nodes.map((node) => ({
              phase,
              node,
              label: resultsOf(node)[0]?.name ?? '',
              ms: times.get(node) ?? 0,
            })),
          ),
        dispose: async () => {},
      };
      return program;
    },
    dispose: async () => {},
  };
}

function compute(node: AnyNode, memory: Memory): void {
  const definition = definitionOf(node);
  const arrays = (tensors: Tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor && memory(tensor)]));
  const results = arrays(node.results);
  // The types of the arrays follow from the definitions' patterns, which TypeScript cannot see for all nodes at once.
  definition.compute(arrays(node.operands) as never, results as never, node.attributes, sizesOf(definition, node));
}
