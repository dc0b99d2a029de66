/**
 * A memory plan of a few buffers, for devices on which a dispatch may not write one part of a buffer and read another
 * (WebGPU): a call's results are in other buffers than everything that the call, or one that may run at the same time,
 * reads or writes. A result that overwrites an operand shares the operand's memory, which is read and written.
 */

import { type AnyNode, operandsOf, resultsOf } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { concurrentRuns } from './concurrency.js';
import { type BytesOf, gapsDuring, type Lifetime, largestFirst, lifetimes, type Placed } from './memory.js';

/** A part of a buffer. Tensors that share memory share the object. */
export interface BufferPlace {
  readonly buffer: number;
  readonly offset: number;
  readonly bytes: number;
}

export interface BufferLayout {
  /** By tensor id. */
  readonly places: ReadonlyMap<number, BufferPlace>;
  /** Bytes of each buffer. */
  readonly sizes: readonly number[];
}

export interface BufferRules {
  /** Alignment of places in bytes. */
  readonly alignment: number;
  /** The most bytes of a buffer, unless a single tensor is larger. */
  readonly largest: number;
  /** Sizes of existing buffers, which may grow. */
  readonly sizes: readonly number[];
}

/**
 * Places tensors, the largest first, each where the buffers grow least, then in the tightest gap. For a residual
 * network the sum of the buffers is within one percent of the peak of live tensors.
 */
export function bufferLayout(calls: readonly AnyNode[], bytesOf: BytesOf, rules: BufferRules): BufferLayout {
  const all = lifetimes(calls, bytesOf);
  const apart = keptApart(calls, all);
  const places = new Map<number, BufferPlace>();
  const sizes = [...rules.sizes];
  const tenants: Placed[][] = sizes.map(() => []);
  for (const lifetime of largestFirst(all)) {
    const size = Math.ceil(lifetime.bytes / rules.alignment) * rules.alignment;
    let best = { buffer: sizes.length, start: 0, growth: size, rest: 0 };
    tenants.forEach((placed, buffer) => {
      if (placed.some((other) => apart.get(lifetime)?.has(other.lifetime))) return;
      for (const gap of gapsDuring(lifetime, placed)) {
        const { start } = gap;
        const end = start + size;
        if (end > gap.end || end > Math.max(rules.largest, sizes[buffer]!)) continue;
        const growth = Math.max(0, end - sizes[buffer]!);
        const rest = Math.max(0, Math.min(gap.end, sizes[buffer]!) - end);
        if (growth < best.growth || (growth === best.growth && rest < best.rest))
          best = { buffer, start, growth, rest };
      }
    });
    const { buffer, start } = best;
    tenants[buffer] ??= [];
    tenants[buffer].push({ lifetime, start, end: start + size });
    sizes[buffer] = Math.max(sizes[buffer] ?? 0, start + size);
    const place = { buffer, offset: start, bytes: lifetime.bytes };
    for (const tensor of lifetime.tensors) places.set(tensor.id, place);
  }
  return { places, sizes };
}

/** For each tensor's memory, all others that may not be in the same buffer. */
function keptApart(calls: readonly AnyNode[], all: readonly Lifetime[]): ReadonlyMap<Lifetime, ReadonlySet<Lifetime>> {
  const byTensor = new Map(all.flatMap((lifetime) => lifetime.tensors.map(({ id }) => [id, lifetime] as const)));
  const apart = new Map(all.map((lifetime) => [lifetime, new Set<Lifetime>()]));
  for (const run of concurrentRuns(calls)) {
    const memoryOf = (tensors: readonly Tensor[]) => new Set(tensors.flatMap(({ id }) => byTensor.get(id) ?? []));
    const written = memoryOf(run.flatMap(resultsOf));
    const touched = memoryOf(run.flatMap((call) => [...operandsOf(call), ...resultsOf(call)]));
    for (const one of written) {
      for (const other of touched) {
        if (one === other) continue;
        apart.get(one)!.add(other);
        apart.get(other)!.add(one);
      }
    }
  }
  return apart;
}
