/**
 * The memory plan: transient tensors that are never alive together share memory.
 *
 * A tensor is alive from the call that writes it to the last call that reads it. Some calls may write a result over an
 * operand that dies there (`inPlace`). Two strategies serve two kinds of engine: offsets in one arena (a CPU), and slots,
 * each a buffer of its own (WebGPU, where one buffer cannot be read and written by the same dispatch).
 */

import { inPlace } from '../ops/inPlace.js';
import type { AnyNode } from './graph.js';
import { elementCount, type Tensor } from './tensor.js';

export interface Lifetime {
  /** The tensors that share this memory by in-place calls, in order of writing. */
  readonly tensors: Tensor[];
  bytes: number;
  readonly first: number;
  last: number;
}

export interface ArenaLayout {
  /** Byte offset by tensor id. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly bytes: number;
}

export interface SlotLayout {
  /** Slot by tensor id. */
  readonly slots: ReadonlyMap<number, number>;
  /** Bytes of each slot. */
  readonly sizes: readonly number[];
}

export type BytesOf = (tensor: Tensor) => number;

/** Lifetimes of the transient tensors of one phase, in order of their first write. */
export function lifetimes(calls: readonly AnyNode[], bytesOf: BytesOf): Lifetime[] {
  const lastRead = new Map<number, number>();
  calls.forEach((call, index) => {
    for (const tensor of [...call.inputs, ...call.outputs]) if (tensor && !tensor.view) lastRead.set(tensor.id, index);
  });
  const byTensor = new Map<number, Lifetime>();
  const all: Lifetime[] = [];
  calls.forEach((call, index) => {
    call.outputs.forEach((output, position) => {
      if (output.view || byTensor.has(output.id)) return;
      const last = lastRead.get(output.id) ?? index;
      const host = inPlaceHost(call, position, index, lastRead, byTensor, elementCount(output.shape));
      if (host) {
        host.tensors.push(output);
        host.bytes = Math.max(host.bytes, bytesOf(output));
        host.last = last;
        byTensor.set(output.id, host);
      } else {
        const lifetime = { tensors: [output], bytes: bytesOf(output), first: index, last };
        all.push(lifetime);
        byTensor.set(output.id, lifetime);
      }
    });
  });
  return all;
}

/** Offsets in one arena, largest tensors first, each at the lowest offset that is free during its life. */
export function arenaLayout(calls: readonly AnyNode[], bytesOf: BytesOf, alignment: number): ArenaLayout {
  const offsets = new Map<number, number>();
  const placed: { lifetime: Lifetime; start: number; end: number }[] = [];
  let bytes = 0;
  const bySize = lifetimes(calls, bytesOf).sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const lifetime of bySize) {
    const size = Math.ceil(lifetime.bytes / alignment) * alignment;
    const rivals = placed.filter((other) => overlap(other.lifetime, lifetime)).sort((a, b) => a.start - b.start);
    let start = 0;
    for (const rival of rivals) {
      if (rival.start - start >= size) break;
      start = Math.max(start, rival.end);
    }
    placed.push({ lifetime, start, end: start + size });
    for (const tensor of lifetime.tensors) offsets.set(tensor.id, start);
    bytes = Math.max(bytes, start + size);
  }
  return { offsets, bytes };
}

/**
 * A slot for each tensor, largest tensors first: the smallest slot that is free during its life, else a new one. Slots
 * come out in falling size, so phases may share them by number.
 */
export function slotLayout(calls: readonly AnyNode[], bytesOf: BytesOf): SlotLayout {
  const slots = new Map<number, number>();
  const sizes: number[] = [];
  const tenants: Lifetime[][] = [];
  const bySize = lifetimes(calls, bytesOf).sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  for (const lifetime of bySize) {
    let slot = tenants.findLastIndex((others) => !others.some((other) => overlap(other, lifetime)));
    if (slot < 0) slot = tenants.push([]) - 1;
    sizes[slot] ??= lifetime.bytes;
    tenants[slot]!.push(lifetime);
    for (const tensor of lifetime.tensors) slots.set(tensor.id, slot);
  }
  return { slots, sizes };
}

function inPlaceHost(
  call: AnyNode,
  output: number,
  index: number,
  lastRead: ReadonlyMap<number, number>,
  byTensor: ReadonlyMap<number, Lifetime>,
  length: number,
): Lifetime | undefined {
  for (const [result, operand] of inPlace[call.op] ?? []) {
    const input = call.inputs[operand];
    if (result !== output || !input || input.view || elementCount(input.shape) !== length) continue;
    const host = byTensor.get(input.id);
    const dies = lastRead.get(input.id) === index && host?.last === index;
    const readOnce = call.inputs.filter((other) => other && byTensor.get(other.id) === host).length === 1;
    if (host && dies && readOnce) return host;
  }
  return undefined;
}

function overlap(a: Lifetime, b: Lifetime): boolean {
  return a.first <= b.last && b.first <= a.last;
}
