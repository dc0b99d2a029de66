/**
 * Joins kernels that only add up partial sums: such a kernel is delayed until the next one, as long as nothing in between
 * needs its results, and the two become one dispatch. A layer's weight gradient is added up together with the sums of the
 * batch normalisation before the layer. If a product that may have sums beside it is delayed as well, until sums that it
 * does not make, these are added up beside it.
 */

import { arePartsApart, interfere } from './dispatchOrder.js';
import type { Placement } from './kernel.js';
import { finishSums } from './kernels/sums.js';
import type { LoweredCall } from './lowering.js';
import { mostBuffersTogether } from './together.js';

export function joinedSums(calls: readonly LoweredCall[], placement: Placement): LoweredCall[] {
  const joined: LoweredCall[] = [];
  /** Sums that wait for others. */
  let waiting: LoweredCall | null = null;
  /** A product that waits for sums, and those of its own partial sums. */
  let product: LoweredCall | null = null;
  let own: LoweredCall | null = null;
  const mayPass = (a: LoweredCall | null, b: LoweredCall) => !a || !interfere(a.call, b.call);
  const addWaiting = (sums: LoweredCall) => {
    const together = waiting && both(waiting, sums, placement);
    if (waiting && !together) joined.push(waiting);
    waiting = together ?? sums;
  };
  const flushWaiting = () => {
    if (waiting) joined.push(waiting);
    waiting = null;
  };
  const flushProduct = () => {
    if (product) joined.push(product);
    const sums = own;
    product = own = null;
    if (!sums) return;
    if (!mayPass(waiting, sums)) flushWaiting();
    addWaiting(sums);
  };
  for (const each of calls) {
    if (each.call.sums) {
      if (product && !own && !mayPass(product, each)) {
        own = each;
        continue;
      }
      if (!mayPass(product, each) || !mayPass(own, each)) flushProduct();
      if (!mayPass(waiting, each)) flushWaiting();
      addWaiting(each);
      const merged: LoweredCall | null = product && waiting && beside(product, waiting, placement);
      if (merged) {
        joined.push(merged);
        waiting = own;
        product = own = null;
      }
      continue;
    }
    if (each.call.beside || !mayPass(product, each) || !mayPass(own, each)) flushProduct();
    if (!mayPass(waiting, each)) flushWaiting();
    if (each.call.beside) product = each;
    else joined.push(each);
  }
  flushProduct();
  flushWaiting();
  return joined;
}

/** A product with sums beside it, or null if they bind too many buffers for one kernel. */
function beside(product: LoweredCall, sums: LoweredCall, placement: Placement): LoweredCall | null {
  if (!product.call.beside || !sums.call.sums) return null;
  if (!fitTogether(product, sums, placement)) return null;
  return { nodes: [...product.nodes, ...sums.nodes], call: product.call.beside(sums.call.sums) };
}

/** Both calls as one, or null if one does more than add up sums, or if they bind too many buffers for one kernel. */
function both(a: LoweredCall, b: LoweredCall, placement: Placement): LoweredCall | null {
  if (!a.call.sums || !b.call.sums) return null;
  if (!fitTogether(a, b, placement)) return null;
  const call = finishSums(placement, `${a.call.label}, ${b.call.label}`, [...a.call.sums, ...b.call.sums]);
  return { nodes: [...a.nodes, ...b.nodes], call };
}

/** Tells whether one kernel may bind the buffers of both. */
function fitTogether(a: LoweredCall, b: LoweredCall, placement: Placement): boolean {
  const buffers = new Set([...a.call.bindings, ...b.call.bindings].map(({ buffer }) => buffer));
  return buffers.size <= mostBuffersTogether(placement) && arePartsApart(a.call, b.call);
}
