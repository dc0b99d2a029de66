/**
 * The results of a shard, in parts that can be sent while the rest is still computed. The vector of gradients is cut
 * from its end, where the layers are that the backward pass reaches first.
 */

import type { StoragePart } from '../engine/engine.js';
import type { AnyNode } from '../graph/index.js';
import { STORAGE } from '../nn/index.js';
import { lastWrite, type StorageRange } from '../passes/lastWrite.js';
import type { TrainingProgram } from './trainingProgram.js';

/** Numbers of a part at most: 4 MB, or 2 if they are rounded, for which the cost of a message is small. */
const PART_LENGTH = 2 ** 20;

/** Floats that are not worth a part of their own. */
const LEAST_LENGTH = 2 ** 14;

/**
 * Storages that are summed beside the gradients. Of the batch statistics it only matters later whether they are finite.
 */
const beside: readonly string[] = [STORAGE.quantizerSums, STORAGE.running, STORAGE.loss, STORAGE.statistics];

/**
 * The parts in the order in which the phase `gradient` writes them, which follows from the plan. Gradients may be
 * rounded, except for those of quantizers: their sums, and the exponents of channels at the end of the vector.
 */
export function stepParts(
  { plan, variables, options }: Pick<TrainingProgram, 'plan' | 'variables' | 'options'>,
  partLength = PART_LENGTH,
): readonly StoragePart[] {
  const { name, length } = plan.storages.find(({ name }) => name === STORAGE.gradients)!;
  const isRounded = options.shardPrecision === 'bfloat16';
  const exponents = isRounded ? variables.parameters.filter(({ group }) => group === 'exponent') : [];
  const end = Math.min(length, ...exponents.map(({ view }) => view.offset));
  const inOrder = piecesInOrder(plan.phases.gradient ?? [], { storage: name, length: end }, partLength);
  const others = [
    { storage: name, offset: end, length: length - end },
    ...plan.storages
      .filter(({ name }) => beside.includes(name))
      .map(({ name, length }) => ({ storage: name, offset: 0, length })),
  ].filter(({ length }) => length > 0);
  const last = isRounded ? [] : inOrder.splice(-1);
  return [
    ...inOrder.map((range) => ({ ranges: [range], isRounded })),
    { ranges: [...last, ...others], isRounded: false },
  ];
}

/** Pieces of the beginning of a storage, in the order in which nodes write them. */
function piecesInOrder(
  nodes: readonly AnyNode[],
  { storage, length }: Omit<StorageRange, 'offset'>,
  partLength: number,
) {
  const pieces: StorageRange[] = [];
  for (let end = length; end > 0; ) {
    // The last ones are small: they are what a rank has to wait for when all has been computed.
    const most = end <= LEAST_LENGTH ? end : Math.ceil((3 / 4) * end);
    const offset = end - Math.min(partLength, most);
    pieces.push({ storage, offset, length: end - offset });
    end = offset;
  }
  return pieces
    .map((range) => ({ range, done: lastWrite(nodes, range) }))
    .sort((a, b) => a.done - b.done)
    .map(({ range }) => range);
}
