/**
 * Joins kernels that only add up partial sums: such a kernel is delayed until the next one, as long as nothing in between
 * needs its results, and the two become one dispatch. A layer's weight gradient is added up together with the sums of the
 * batch normalisation before the layer.
 */

import { interfere } from './dispatchOrder.js';
import type { Placement } from './kernel.js';
import { finishSums } from './kernels/sums.js';
import type { LoweredCall } from './lowering.js';
import { mostBuffersTogether } from './together.js';

export function joinedSums(calls: readonly LoweredCall[], placement: Placement): LoweredCall[] {
  const joined: LoweredCall[] = [];
  let waiting: LoweredCall | null = null;
  for (const each of calls) {
    const together: LoweredCall | null = waiting && both(waiting, each, placement);
    if (waiting && (interfere(waiting.call, each.call) || (each.call.sums && !together))) {
      joined.push(waiting);
      waiting = null;
    }
    if (each.call.sums) waiting = (waiting && together) ?? each;
    else joined.push(each);
  }
  return waiting ? [...joined, waiting] : joined;
}

/** Both calls as one, or null if one does more than add up sums, or if they bind too many buffers for one kernel. */
function both(a: LoweredCall, b: LoweredCall, placement: Placement): LoweredCall | null {
  if (!a.call.sums || !b.call.sums) return null;
  const buffers = new Set([...a.call.bindings, ...b.call.bindings].map(({ buffer }) => buffer));
  if (buffers.size > mostBuffersTogether(placement)) return null;
  const call = finishSums(placement, `${a.call.label}, ${b.call.label}`, [...a.call.sums, ...b.call.sums]);
  return { nodes: [...a.nodes, ...b.nodes], call };
}
