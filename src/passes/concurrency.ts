/**
 * Calls that a device may run at once: consecutive ones without a common transient tensor that one of them writes.
 * Storages do not matter here: sharing one keeps calls apart, but its memory is never reused.
 */

import { type AnyNode, operandsOf, resultsOf } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

/** Splits a list of calls into the longest possible runs of calls that do not depend on each other. */
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
