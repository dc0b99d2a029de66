/**
 * The buffers of tensors: storages have one each, transient tensors of all phases share some, and scratch memory for
 * the kernels of one operation uses a few buffers in turn.
 */

import type { AnyNode } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import { type BufferLayout, type BufferPlace, bufferLayout } from '../../passes/bufferLayout.js';
import { type BytesOf, lifetimes } from '../../passes/memory.js';
import { bytesPerElement, type Format } from './formats.js';
import { type BufferPlan, type MatrixUnits, offsetAlignment, type Placement, wholeOf } from './kernel.js';
import { narrowFormats } from './narrowing.js';
import { nodesInMemory } from './pooledNorms.js';
import { withShortcutNorms } from './shortcutNorms.js';

/**
 * Number of scratch buffers. Partial sums of one operation are read by its next kernel, which may run beside the next
 * few operations: a convolution has three sums in the backward pass, of which those of the weights may wait for the
 * next layer's.
 */
const scratchBuffers = 6;

/** Most parts of scratch buffers that a phase may keep for later operations: the others are in turn. */
export const mostKept = scratchBuffers / 2;

export interface PlanPlacement {
  readonly storages: ReadonlyMap<string, BufferPlan>;
  /** All buffers; their sizes are final when all phases have been lowered. */
  readonly buffers: readonly BufferPlan[];
  forPhase(phase: string): Placement;
}

export interface PlacementOptions {
  readonly matrixUnits?: MatrixUnits | null | undefined;
  /** Tiles of products; the first candidates by default. */
  readonly choose?: TileChoice | undefined;
  /** Bytes of the largest buffer that the device allows; no limit by default. */
  readonly largestBuffer?: number;
  /** Storage buffers that the device allows a kernel; what WebGPU promises by default. */
  readonly mostBuffers?: number;
  /** Number of networks. */
  readonly networks?: number;
}

/** The index of the tile to use for a product, by its name. */
export type TileChoice = (key: string, candidates: number) => number;

export function placePlan(
  plan: Plan,
  {
    matrixUnits = null,
    choose = () => 0,
    largestBuffer = Number.POSITIVE_INFINITY,
    mostBuffers = 8,
    networks = 1,
  }: PlacementOptions = {},
): PlanPlacement {
  const storages = new Map(
    plan.storages.map(({ name, dtype, length }) => [name, { label: name, bytes: bytesOf(dtype, length), networks }]),
  );
  const narrow = new Map(Object.values(plan.phases).flatMap((calls) => [...narrowFormats(calls, matrixUnits)]));
  const formatOf = (tensor: Tensor) => narrow.get(tensor) ?? tensor.dtype;
  const tensorBytes = (tensor: Tensor) => bytesOf(formatOf(tensor), elementCount(tensor.shape));
  const { layouts, sizes } = layoutPhases(plan, tensorBytes, largestBuffer);
  const transients = sizes.map((bytes, index): BufferPlan => ({ label: `transients ${index}`, bytes, networks }));
  const parts = new Map<BufferPlace, BufferPlan>();
  const partOf = (place: BufferPlace): BufferPlan => {
    const buffer = transients[place.buffer]!;
    const { label } = buffer;
    const part = parts.get(place) ?? { label, bytes: place.bytes, within: { buffer, byteOffset: place.offset } };
    parts.set(place, part);
    return part;
  };
  const scratch = Array.from({ length: scratchBuffers }, (_, i) => ({ label: `scratch ${i}`, bytes: 4, networks }));
  let turn = 0;
  return {
    storages,
    buffers: [...storages.values(), ...transients, ...scratch],
    forPhase: (phase) => {
      const places = layouts.get(phase);
      return {
        matrixUnits,
        mostBuffers,
        tile: (key, candidates) => {
          const tile = candidates[choose(key, candidates.length)];
          if (!tile) throw new Error(`no tile for ${key}`);
          return tile;
        },
        place: (tensor) => {
          if (tensor.view) {
            const buffer = storages.get(tensor.view.storage.name);
            if (buffer) return { buffer, offset: tensor.view.offset, format: tensor.dtype };
          }
          const place = places?.get(tensor.id);
          if (!place) throw new Error(`tensor ${tensor.name} is read before it is written`);
          return { buffer: partOf(place), offset: 0, format: formatOf(tensor) };
        },
        scratch: (length, kept = []) => {
          do turn = (turn + 1) % scratchBuffers;
          while (kept.some((part) => wholeOf(part) === scratch[turn]));
          const buffer = scratch[turn]!;
          const bytes = 4 * length;
          buffer.bytes = Math.max(buffer.bytes, bytes);
          return { label: buffer.label, bytes, within: { buffer, byteOffset: 0 } };
        },
      };
    },
  };
}

/** Phases never run at once: each has the same buffers to itself, in the order of their sizes. */
function layoutPhases(plan: Plan, tensorBytes: BytesOf, largest: number) {
  const needs = (calls: readonly AnyNode[]) => lifetimes(calls, tensorBytes).reduce((sum, { bytes }) => sum + bytes, 0);
  const phases = Object.entries(plan.phases)
    .map(([phase, nodes]) => [phase, nodesInMemory(withShortcutNorms(nodes))] as const)
    .sort(([, a], [, b]) => needs(b) - needs(a));
  const layouts = new Map<string, BufferLayout['places']>();
  let sizes: readonly number[] = [];
  for (const [phase, calls] of phases) {
    const layout = bufferLayout(calls, tensorBytes, { alignment: offsetAlignment, largest, sizes });
    layouts.set(phase, layout.places);
    sizes = layout.sizes;
  }
  return { layouts, sizes };
}

/** Bytes, rounded up so that four numbers can be loaded at a time. */
function bytesOf(format: Format, length: number): number {
  return Math.max(16, Math.ceil((bytesPerElement(format) * length) / 16) * 16);
}
