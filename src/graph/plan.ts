/**
 * A plan, which an engine replays: for each phase (a training step, an evaluation step) a list of nodes on tensors. A
 * tensor is a view of a storage, or transient and placed by the engine with `passes/memory.ts`.
 */

import type { AnyNode } from './graph.js';
import type { Storage } from './tensor.js';

export interface Plan {
  /** All storages of all phases, in the order of first use. */
  readonly storages: readonly Storage[];
  /** Nodes of each phase in order. Phases share storages but no transient tensors. */
  readonly phases: Readonly<Record<string, readonly AnyNode[]>>;
}
