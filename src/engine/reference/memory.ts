/**
 * Memory of tensors: storages in arrays of their own, transient tensors in one arena, as on other engines, so that a
 * wrong lifetime or in-place rule leads to wrong numbers.
 */

import type { Plan } from '../../graph/plan.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import { arenaLayout } from '../../passes/memory.js';

/** The array behind a tensor. Writing to it writes the tensor. */
export type Memory = (tensor: Tensor) => ReferenceArray;

type ReferenceArray = Float64Array | Int32Array | Uint8Array;

export interface PlacedPlan {
  readonly storages: ReadonlyMap<string, ReferenceArray>;
  readonly planBytes: number;
  /** The memory of a phase, its transient tensors filled with NaN. */
  memory(phase: string): Memory;
}

const arrayTypes = { float: Float64Array, int32: Int32Array, uint8: Uint8Array } as const;
const alignment = Float64Array.BYTES_PER_ELEMENT;

export function placePlan(plan: Plan): PlacedPlan {
  const storages = new Map<string, ReferenceArray>();
  for (const { name, dtype, length } of plan.storages) storages.set(name, new arrayTypes[dtype](length));
  const layouts = new Map(
    Object.entries(plan.phases).map(([phase, calls]) => [phase, arenaLayout(calls, bytesOf, alignment)]),
  );
  const arenaBytes = Math.max(0, ...[...layouts.values()].map(({ bytes }) => bytes));
  const arena = new ArrayBuffer(arenaBytes);
  const storageBytes = [...storages.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);

  return {
    storages,
    planBytes: storageBytes + arenaBytes,
    memory: (phase) => {
      const layout = layouts.get(phase);
      if (!layout) throw new Error(`the plan has no phase ${phase}`);
      new Float64Array(arena).fill(Number.NaN);
      return (tensor) => {
        const length = elementCount(tensor.shape);
        if (tensor.view) {
          const { storage, offset } = tensor.view;
          return storages.get(storage.name)!.subarray(offset, offset + length);
        }
        const start = layout.offsets.get(tensor.id);
        if (start === undefined) throw new Error(`tensor ${tensor.name} is read but never written`);
        return new arrayTypes[tensor.dtype](arena, start, length);
      };
    },
  };
}

function bytesOf(tensor: Tensor): number {
  return elementCount(tensor.shape) * arrayTypes[tensor.dtype].BYTES_PER_ELEMENT;
}
