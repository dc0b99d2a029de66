/**
 * What a shard of a step leaves, in parts that can travel while the rest is still computed: of the vector of gradients,
 * cut from its back, where the layers are that the backward pass reaches first.
 */

import type { StoragePart } from '../engine/engine.js';
import type { Plan } from '../graph/index.js';
import { STORAGE } from '../nn/index.js';
import { lastWrite } from '../passes/lastWrite.js';

/** Floats of a part: 4 MB, beside which it costs little that each is sent for itself. */
const PART_LENGTH = 2 ** 20;

/** What is summed beside the gradients. Of the batch statistics only whether they are finite is asked afterwards. */
const beside: readonly string[] = [STORAGE.quantizerSums, STORAGE.running, STORAGE.loss, STORAGE.statistics];

/** The parts in the order in which the phase `gradient` has written them, which is the same for all who have the plan. */
export function stepParts(plan: Plan, partLength = PART_LENGTH): readonly StoragePart[] {
  const nodes = plan.phases.gradient ?? [];
  const gradients = plan.storages.find(({ name }) => name === STORAGE.gradients)!;
  const others = plan.storages
    .filter(({ name }) => beside.includes(name))
    .map(({ name, length }) => ({ storage: name, offset: 0, length }));
  const pieces = [];
  for (let end = gradients.length; end > 0; end -= partLength) {
    const offset = Math.max(0, end - partLength);
    pieces.push({ storage: gradients.name, offset, length: end - offset });
  }
  const inOrder = pieces
    .map((range) => ({ range, done: lastWrite(nodes, range) }))
    .sort((a, b) => a.done - b.done)
    .map(({ range }) => [range]);
  const last = inOrder.pop() ?? [];
  return [...inOrder, [...last, ...others]];
}
