/**
 * A plan: what an engine replays. Per phase (a training step, an evaluation step) a list of calls on tensors, each of
 * which is a view of a storage or transient; the engine places the transient ones by `passes/memory.ts`.
 */

import type { AnyNode } from './graph.js';
import type { Storage } from './tensor.js';

export interface Plan {
  /** Every storage any phase touches, in the order of first use. */
  readonly storages: readonly Storage[];
  /** Calls of a phase in order. Phases share storages; transient tensors of different phases never live together. */
  readonly phases: Readonly<Record<string, readonly AnyNode[]>>;
}
