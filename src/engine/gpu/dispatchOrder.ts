/**
 * The order of a phase's dispatches. A device runs them concurrently until one uses a buffer that another of them
 * writes; then it waits for all, some microseconds each time, which is the cost of small kernels. So dispatches that
 * others do not wait for, in particular sums of partial sums, run concurrently with those that others wait for. Dawn on
 * Vulkan lets a device wait before every dispatch (`bench/dispatchOverlap.mjs`), so that this gains nothing there.
 *
 * Memory is placed before, and no dispatch passes another whose numbers it reads or overwrites, or that reads or
 * overwrites its own: all remaining orders give the same bits.
 */

import { type BufferAccess, type BufferPlan, type KernelCall, wholeOf } from './kernel.js';
import type { LoweredCall } from './lowering.js';

/**
 * An order with few waits: of the calls that may run next, the one with the longest chain of dependent calls comes
 * first.
 */
export function inOrderOfFewWaits(calls: readonly LoweredCall[]): LoweredCall[] {
  const followers = followersOf(calls.map(({ call }) => call));
  const heights = calls.map(() => 1);
  const waitingFor = calls.map(() => 0);
  for (let index = calls.length - 1; index >= 0; index--) {
    for (const follower of followers[index]!) {
      heights[index] = Math.max(heights[index]!, heights[follower]! + 1);
      waitingFor[follower]!++;
    }
  }
  const isFirst = (a: number, b: number) => heights[b]! - heights[a]! || a - b;
  const ready = calls.flatMap((_, index) => (waitingFor[index] === 0 ? [index] : [])).sort(isFirst);
  const order: LoweredCall[] = [];
  let running = sideBySide();
  while (ready.length > 0) {
    const fits = ready.findIndex((index) => !running.waits(calls[index]!.call));
    if (fits < 0) {
      running = sideBySide();
      continue;
    }
    const [index] = ready.splice(fits, 1);
    running.add(calls[index!]!.call);
    order.push(calls[index!]!);
    for (const follower of followers[index!]!) if (--waitingFor[follower]! === 0) ready.push(follower);
    ready.sort(isFirst);
  }
  return order;
}

/** The dispatches that a device runs concurrently; whole buffers separate them. */
export function sideBySide() {
  const used = new Map<BufferPlan, boolean>();
  const uses = ({ bindings }: KernelCall) => bindings.map(({ buffer, writes }) => [wholeOf(buffer), writes] as const);
  return {
    waits: (call: KernelCall) =>
      uses(call).some(([buffer, writes]) => used.has(buffer) && (writes || used.get(buffer) === true)),
    add: (call: KernelCall) => {
      for (const [buffer, writes] of uses(call)) used.set(buffer, writes || used.get(buffer) === true);
    },
  };
}

/** For each call, the later ones that may not pass it. */
function followersOf(calls: readonly KernelCall[]): readonly (readonly number[])[] {
  const followers = calls.map(() => new Set<number>());
  const earlier = new Map<BufferPlan, { readonly index: number; readonly access: PlacedAccess }[]>();
  calls.forEach(({ accesses }, index) => {
    const own = accesses.map(placed);
    for (const access of own) {
      for (const other of earlier.get(access.buffer) ?? []) {
        if (clash(access, other.access)) followers[other.index]!.add(index);
      }
    }
    for (const access of own) earlier.set(access.buffer, [...(earlier.get(access.buffer) ?? []), { index, access }]);
  });
  return followers.map((indices) => [...indices]);
}

/** Throws if a call reads a part of a buffer that none has written, or over which another one has been written. */
export function checkParts(calls: readonly KernelCall[]): void {
  const written = new Set<BufferPlan>();
  const all = (buffer: BufferPlan) => placed({ buffer, begin: 0, end: 0, writes: true });
  for (const { label, accesses } of calls) {
    const parts = accesses.filter(({ buffer }) => buffer.within);
    const lost = parts.find(({ buffer, writes }) => !writes && !written.has(buffer));
    if (lost) throw new Error(`${label} reads a part of ${lost.buffer.label} in which there is something else`);
    for (const { buffer } of parts.filter(({ writes }) => writes)) {
      for (const other of written) if (clash(all(other), all(buffer))) written.delete(other);
      written.add(buffer);
    }
  }
}

/** Tells whether one of two calls writes where the other reads or writes. */
export function interfere(a: KernelCall, b: KernelCall): boolean {
  const others = b.accesses.map(placed);
  return a.accesses.map(placed).some((access) => others.some((other) => clash(access, other)));
}

/**
 * Tells whether one dispatch may do both: it may not write a part of a buffer and bind another, which overlaps it where parts
 * are those of several networks.
 */
export function arePartsApart(a: KernelCall, b: KernelCall): boolean {
  const bindings = [...a.bindings, ...b.bindings];
  const others = (part: BufferPlan) =>
    bindings.some(({ buffer }) => buffer !== part && wholeOf(buffer) === wholeOf(part));
  return !bindings.some(({ buffer, writes }) => writes && others(buffer));
}

type PlacedAccess = ReturnType<typeof placed>;

function clash(a: PlacedAccess, b: PlacedAccess): boolean {
  return a.buffer === b.buffer && a.begin < b.end && b.begin < a.end && (a.writes || b.writes);
}

/**
 * An access in the bound buffer: in bytes for a part of a buffer, all of which counts; in elements for a storage, which
 * has one type.
 */
function placed({ buffer, begin, end, writes }: BufferAccess) {
  const { within, bytes } = buffer;
  if (!within) return { buffer, begin, end, writes };
  return { buffer: within.buffer, begin: within.byteOffset, end: within.byteOffset + bytes, writes };
}
