/**
 * Which calls a device may run at once: consecutive ones that share no transient tensor that one of them writes. What
 * they share in storages does not count here; it keeps calls apart but has its memory anyway.
 */

import { type AnyNode, operandsOf, resultsOf } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

/** Cuts a list of calls into runs, as long as they can be, of calls that do not wait for each other. */
export function concurrentRuns(calls: readonly AnyNode[]): AnyNode[][] {
  const runs: AnyNode[][] = [];
  let touched = new Set<Tensor>();
  let written = new Set<Tensor>();
  for (const call of calls) {
    const results = resultsOf(call).filter(({ view }) => !view);
    const operands = operandsOf(call);
    const waits = operands.some((tensor) => written.has(tensor)) || results.some((tensor) => touched.has(tensor));
    if (waits || runs.length === 0) {
      runs.push([]);
      touched = new Set();
      written = new Set();
    }
    runs.at(-1)!.push(call);
    for (const tensor of [...operands, ...results]) touched.add(tensor);
    for (const tensor of results) written.add(tensor);
  }
  return runs;
}
