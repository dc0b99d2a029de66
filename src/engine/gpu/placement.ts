/**
 * Which buffer a tensor lies in: storages have one each, transient tensors of all phases share slots, and what only the
 * kernels of an operation see goes round a few scratch buffers.
 */

import { slotLayout } from '../../graph/memory.js';
import type { Plan } from '../../graph/plan.js';
import { type DType, elementCount, type Tensor } from '../../graph/tensor.js';
import type { BufferPlan, MatrixUnits, Placement } from './kernel.js';

/** Partial sums of one operation are read by its next kernel, so a short cycle lets neighbours overlap. */
const scratchBuffers = 4;

export interface PlanPlacement {
  readonly storages: ReadonlyMap<string, BufferPlan>;
  /** All buffers; their sizes are settled when all phases have been lowered. */
  readonly buffers: readonly BufferPlan[];
  forPhase(phase: string): Placement;
}

/** Which of the candidates to take for a product, by its name. */
export type TileChoice = (key: string, candidates: number) => number;

export function placePlan(
  plan: Plan,
  matrixUnits: MatrixUnits | null = null,
  choose: TileChoice = () => 0,
): PlanPlacement {
  const storages = new Map(
    plan.storages.map(({ name, dtype, length }) => [name, { label: name, bytes: bytesOf(dtype, length) }]),
  );
  const layouts = Object.entries(plan.phases).map(([phase, calls]) => [phase, slotLayout(calls, tensorBytes)] as const);
  const slots: BufferPlan[] = [];
  for (const [, { sizes }] of layouts) {
    sizes.forEach((bytes, slot) => {
      slots[slot] ??= { label: `slot ${slot}`, bytes: 0 };
      slots[slot].bytes = Math.max(slots[slot].bytes, bytes);
    });
  }
  const scratch = Array.from({ length: scratchBuffers }, (_, i) => ({ label: `scratch ${i}`, bytes: 4 }));
  let turn = 0;
  return {
    storages,
    buffers: [...storages.values(), ...slots, ...scratch],
    forPhase: (phase) => {
      const layout = layouts.find(([name]) => name === phase)?.[1];
      return {
        matrixUnits,
        tile: (key, candidates) => {
          const tile = candidates[choose(key, candidates.length)];
          if (!tile) throw new Error(`no tile for ${key}`);
          return tile;
        },
        place: (tensor) => {
          if (tensor.view) {
            const buffer = storages.get(tensor.view.storage.name);
            if (buffer) return { buffer, offset: tensor.view.offset };
          }
          const buffer = slots[layout?.slots.get(tensor.id) ?? -1];
          if (!buffer) throw new Error(`tensor ${tensor.name} is read before it is written`);
          return { buffer, offset: 0 };
        },
        scratch: (length) => {
          turn = (turn + 1) % scratchBuffers;
          const buffer = scratch[turn]!;
          buffer.bytes = Math.max(buffer.bytes, 4 * length);
          return buffer;
        },
      };
    },
  };
}

/** Rounded up so that four numbers can be loaded at a time. */
function bytesOf(dtype: DType, length: number): number {
  return Math.max(16, Math.ceil((dtype === 'uint8' ? length : 4 * length) / 16) * 16);
}

function tensorBytes(tensor: Tensor): number {
  return bytesOf(tensor.dtype, elementCount(tensor.shape));
}
