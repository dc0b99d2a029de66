/**
 * The reference engine: plain loops in float64 that say what every operation means. It judges the other engines and is
 * fast enough for small networks only.
 */

import type { AnyNode, Node } from '../../graph/graph.js';
import type { OpName } from '../../ops/attributes.js';
import type { Engine, Program } from '../engine.js';
import { kernels } from './kernels.js';
import { type Memory, placePlan } from './memory.js';

export function createReferenceEngine(): Engine {
  return {
    name: 'reference',
    description: 'float64, one thread',
    load: async (plan, onProgress) => {
      const { storages, planBytes, memory } = placePlan(plan);
      onProgress?.(1, 1);
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
              label: node.outputs[0]?.name ?? '',
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

/** The table pairs each name with a kernel of its type, which TypeScript cannot see through a union of nodes. */
function compute<K extends OpName>(node: Node<K> | AnyNode, memory: Memory): void {
  const kernel = kernels[node.op] as (node: Node<OpName> | AnyNode, memory: Memory) => void;
  kernel(node, memory);
}
