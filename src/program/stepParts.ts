/**
 * The results of a shard, in parts that can be sent while the rest is still computed. The vector of gradients is cut
 * from its end, where the layers are that the backward pass reaches first.
 */

import type { StoragePart } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { lastWrite } from '../passes/lastWrite.js';
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
  const nodes = plan.phases.gradient ?? [];
  const gradients = plan.storages.find(({ name }) => name === STORAGE.gradients)!;
  const isRounded = options.shardPrecision === 'bfloat16';
  const exponents = variables.parameters.filter(({ group }) => group === 'exponent');
  const roundedEnd = Math.min(gradients.length, ...exponents.map(({ view }) => view.offset));
  const piecesEnd = isRounded ? roundedEnd : gradients.length;
  const others = [
    { storage: gradients.name, offset: piecesEnd, length: gradients.length - piecesEnd },
    ...plan.storages
      .filter(({ name }) => beside.includes(name))
      .map(({ name, length }) => ({ storage: name, offset: 0, length })),
  ].filter(({ length }) => length > 0);
  const pieces = [];
  for (let end = piecesEnd; end > 0; ) {
    // The last ones are small: they are what a rank has to wait for when all has been computed.
    const length = end <= LEAST_LENGTH ? end : Math.ceil((3 / 4) * end);
    const offset = end - Math.min(partLength, length);
    pieces.push({ storage: gradients.name, offset, length: end - offset });
    end = offset;
  }
  const inOrder = pieces
    .map((range) => ({ range, done: lastWrite(nodes, range) }))
    .sort((a, b) => a.done - b.done)
    .map(({ range }) => range);
  const last = isRounded ? [] : inOrder.splice(-1);
  return [
    ...inOrder.map((range) => ({ ranges: [range], isRounded })),
    { ranges: [...last, ...others], isRounded: false },
  ];
}
