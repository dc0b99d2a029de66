/**
 * The memory plan: transient tensors that are never live at the same time share memory.
 *
 * A tensor is live from the call that writes it to the last call that reads it. Some calls may overwrite an operand
 * that dies there with a result (`overwrites`). A CPU has one arena; WebGPU, where a dispatch cannot read one part of a
 * buffer and write another, has a few buffers (`bufferLayout.ts`).
 */

import { type AnyNode, operandsOf, resultsOf, type Tensors } from '../graph/graph.js';
import { elementCount, type Tensor } from '../graph/tensor.js';
import { definitionOf } from '../ops/index.js';

export interface Lifetime {
  /** The tensors that share this memory by in-place calls, in order of writing. */
  readonly tensors: Tensor[];
  readonly bytes: number;
  readonly first: number;
  last: number;
}

export interface ArenaLayout {
  /** Byte offset by tensor id. */
  readonly offsets: ReadonlyMap<number, number>;
  readonly bytes: number;
}

export type BytesOf = (tensor: Tensor) => number;

/** Lifetimes of the transient tensors of one phase, in order of their first write. */
export function lifetimes(calls: readonly AnyNode[], bytesOf: BytesOf): Lifetime[] {
  const lastRead = new Map<number, number>();
  calls.forEach((call, index) => {
    for (const tensor of [...operandsOf(call), ...resultsOf(call)]) if (!tensor.view) lastRead.set(tensor.id, index);
  });
  const byTensor = new Map<number, Lifetime>();
  const all: Lifetime[] = [];
  calls.forEach((call, index) => {
    for (const [name, output] of Object.entries<Tensor | null>(call.results)) {
      if (!output || output.view || byTensor.has(output.id)) continue;
      const last = lastRead.get(output.id) ?? index;
      const host = inPlaceHost(call, name, output, index, lastRead, byTensor, bytesOf);
      if (host) {
        host.tensors.push(output);
        host.last = last;
        byTensor.set(output.id, host);
      } else {
        const lifetime = { tensors: [output], bytes: bytesOf(output), first: index, last };
        all.push(lifetime);
        byTensor.set(output.id, lifetime);
      }
    }
  });
  return all;
}

/** Offsets in one arena, largest tensors first, each at the lowest offset that is free during its lifetime. */
export function arenaLayout(calls: readonly AnyNode[], bytesOf: BytesOf, alignment: number): ArenaLayout {
  const offsets = new Map<number, number>();
  const placed: Placed[] = [];
  let bytes = 0;
  for (const lifetime of largestFirst(lifetimes(calls, bytesOf))) {
    const size = Math.ceil(lifetime.bytes / alignment) * alignment;
    const { start } = gapsDuring(lifetime, placed).find((gap) => gap.end - gap.start >= size)!;
    placed.push({ lifetime, start, end: start + size });
    for (const tensor of lifetime.tensors) offsets.set(tensor.id, start);
    bytes = Math.max(bytes, start + size);
  }
  return { offsets, bytes };
}

export interface Gap {
  readonly start: number;
  readonly end: number;
}

export interface Placed extends Gap {
  readonly lifetime: Lifetime;
}

export function largestFirst(all: readonly Lifetime[]): Lifetime[] {
  return [...all].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
}

/** The gaps between placed tensors that are free during a lifetime, in order; the last one has no end. */
export function gapsDuring(lifetime: Lifetime, placed: readonly Placed[]): Gap[] {
  const rivals = placed.filter((other) => overlap(other.lifetime, lifetime)).sort((a, b) => a.start - b.start);
  const gaps: Gap[] = [];
  let start = 0;
  for (const rival of rivals) {
    if (rival.start > start) gaps.push({ start, end: rival.start });
    start = Math.max(start, rival.end);
  }
  return [...gaps, { start, end: Number.POSITIVE_INFINITY }];
}

/** The memory of an operand that a result may overwrite, if the operand dies here. */
function inPlaceHost(
  call: AnyNode,
  result: string,
  tensor: Tensor,
  index: number,
  lastRead: ReadonlyMap<number, number>,
  byTensor: ReadonlyMap<number, Lifetime>,
  bytesOf: BytesOf,
): Lifetime | undefined {
  const operands: Tensors = call.operands;
  for (const name of definitionOf(call).overwrites?.[result] ?? []) {
    const input = operands[name];
    if (!input || input.view) continue;
    if (elementCount(input.shape) !== elementCount(tensor.shape) || bytesOf(input) !== bytesOf(tensor)) continue;
    const host = byTensor.get(input.id);
    const dies = lastRead.get(input.id) === index && host?.last === index;
    const readOnce = operandsOf(call).filter((other) => byTensor.get(other.id) === host).length === 1;
    if (host && dies && readOnce) return host;
  }
  return undefined;
}

function overlap(a: Lifetime, b: Lifetime): boolean {
  return a.first <= b.last && b.first <= a.last;
}
