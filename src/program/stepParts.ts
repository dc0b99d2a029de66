/**
 * The results of a shard, in parts that can be sent while the rest is still computed. Gradients come in the order in which
 * the backward pass writes them; those of the layer that it reaches last, for which all ranks wait, are a part of their own.
 */

import type { StoragePart } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { lastWrite, type StorageRange } from '../passes/lastWrite.js';
import type { TrainingProgram } from './trainingProgram.js';

/** Numbers of a part at most: a GPU copies a few long parts in less time than many short ones. */
const PART_LENGTH = 2 ** 23;

/** Numbers that are not worth a part of their own, and such a share of all. */
const [LEAST_LENGTH, LEAST_SHARE] = [2 ** 16, 1 / 10];

/**
 * Storages that are summed beside the gradients. Of the batch statistics it only matters later whether they are finite.
 */
const beside: readonly string[] = [STORAGE.quantizerSums, STORAGE.running, STORAGE.loss, STORAGE.statistics];

/**
 * The parts in the order in which the phase `gradient` writes them, which follows from the plan. Gradients may be
 * rounded, except for those of quantizers: their sums, and the exponents of channels.
 *
 * @param partLength numbers of a part at most
 */
export function stepParts(
  training: Pick<TrainingProgram, 'plan' | 'variables' | 'options'>,
  partLength = PART_LENGTH,
): readonly StoragePart[] {
  const isRounded = training.options.shardPrecision === 'bfloat16';
  const gradients = gradientsInOrder(training);
  const asTheyAre = gradients.filter(({ group }) => isRounded && group === 'exponent');
  const travelling = gradients.filter((gradient) => !asTheyAre.includes(gradient));
  const [, lastButOne = -1] = travelling
    .filter(({ group }) => group === 'weight')
    .map(({ done }) => done)
    .reverse();
  const inOrder = [
    ...cut(
      travelling.filter(({ done }) => done <= lastButOne),
      partLength,
    ),
    ...cut(
      travelling.filter(({ done }) => done > lastButOne),
      partLength,
    ),
  ];
  const others = training.plan.storages
    .filter(({ name }) => beside.includes(name))
    .map(({ name, length }) => ({ storage: name, offset: 0, length }))
    .filter(({ length }) => length > 0);
  const last = isRounded ? [] : inOrder.splice(-1).flat();
  return [
    ...inOrder.map((ranges) => ({ ranges, isRounded })),
    { ranges: [...last, ...joined(asTheyAre.map(({ range }) => range)), ...others], isRounded: false },
  ];
}

/** The gradient of each parameter, with the padding behind it, in the order in which they are written. */
function gradientsInOrder({ plan, variables }: Pick<TrainingProgram, 'plan' | 'variables'>) {
  const { name, length } = plan.storages.find(({ name }) => name === STORAGE.gradients)!;
  const parameters = [...variables.parameters].sort((a, b) => a.view.offset - b.view.offset);
  return parameters
    .map(({ group, view: { offset } }, index) => {
      const end = parameters[index + 1]?.view.offset ?? length;
      const range: StorageRange = { storage: name, offset, length: end - offset };
      return { group, range, done: lastWrite(plan.phases.gradient ?? [], range) };
    })
    .sort((a, b) => a.done - b.done);
}

/** Cuts ranges into pieces of so many numbers at most, each of a few ranges. */
function cut(gradients: readonly { readonly range: StorageRange }[], most: number): StorageRange[][] {
  const pieces: StorageRange[][] = [];
  let rest = gradients.reduce((sum, { range }) => sum + range.length, 0);
  const least = Math.max(LEAST_LENGTH, LEAST_SHARE * rest);
  let room = 0;
  for (const { range } of gradients) {
    // From its end, next to which is the layer before it.
    for (let end = range.offset + range.length; end > range.offset; ) {
      if (room === 0) {
        // The last ones are small: little is left to do when all has been computed.
        room = Math.min(most, rest <= least ? rest : Math.ceil((3 / 4) * rest));
        pieces.push([]);
      }
      const length = Math.min(room, end - range.offset);
      end -= length;
      room -= length;
      rest -= length;
      pieces.at(-1)!.push({ ...range, offset: end, length });
    }
  }
  return pieces.map(joined);
}

/** The same numbers in as few ranges as there can be. */
function joined(ranges: readonly StorageRange[]): StorageRange[] {
  const whole: StorageRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const before = whole.at(-1);
    if (before && before.offset + before.length === range.offset) {
      whole[whole.length - 1] = { ...before, length: before.length + range.length };
    } else whole.push(range);
  }
  return whole;
}
