/**
 * Targets of arrays of one's own (`y`), depending on the loss: a class an input, numbers, several labels, or a class a
 * pixel.
 */

import { InputError } from '../../errors.js';
import type { Task } from '../../task.js';
import type { ImageSet, Targets } from '../imageSet.js';
import { checkedTargets, mostClasses } from '../targets.js';
import type { NumberArray, TextArray } from './npy.js';

type Answers = Pick<ImageSet, 'labels' | 'targets'>;

/**
 * The labels or targets of a set.
 *
 * @param y `null` for autoencoders, which need none
 * @param source the array's name in messages
 */
export function answersOf(
  y: NumberArray | TextArray | null,
  { loss, target }: Task,
  count: number,
  source: string,
): Answers {
  if (!y) return { labels: new Int32Array(count) };
  const answers = (): Answers => {
    if (loss === 'classes' || target === 'input') return { labels: asLabels(y, source) };
    const labels = new Int32Array(y.shape[0] ?? 0);
    switch (loss) {
      case 'values':
        return { labels, targets: asNumbers(y, source) };
      case 'labels':
        return { labels, targets: asSeveralLabels(y, source) };
      case 'pixels':
        return { labels, targets: asMaps(y, source) };
      default:
        throw new Error(`there are no answers for a loss of ${loss satisfies never}`);
    }
  };
  const read = answers();
  if (read.labels.length === count) return read;
  throw new InputError(`${source}: is of ${read.labels.length} inputs, there are ${count}`);
}

/** Labels of shape [count] or [count, 1]. */
export function asLabels(array: NumberArray | TextArray, source: string): Int32Array {
  const { shape } = array;
  const integers = asIntegers(
    array,
    source,
    'labels are integers, the numbers of classes; of other numbers loss = values',
  );
  if (shape.length !== 1 && !(shape.length === 2 && shape[1] === 1)) {
    throw new InputError(
      `${source}: is ${shape.join('x')}; a label an input is wanted, such as .argmax(axis=1) of it, or loss = labels, ` +
        'pixels or values',
    );
  }
  return Int32Array.from(integers, (value, index) => {
    const label = Number(value);
    if (label >= 0 && label < 2 ** 31) return label;
    throw new InputError(`${source}: label ${index} is ${label}; classes are numbered from 0 on`);
  });
}

function asIntegers(array: NumberArray | TextArray, source: string, wanted: string): ArrayLike<number | bigint> {
  if ('texts' in array || array.values instanceof Float32Array || array.values instanceof Float64Array) {
    throw new InputError(`${source}: ${wanted}`);
  }
  return array.values;
}

/** Targets of shape [count, …], or [count] for one number an input. */
function asNumbers(array: NumberArray | TextArray, source: string): Targets {
  if ('texts' in array) throw new InputError(`${source}: holds texts; loss = values wants numbers`);
  return checkedTargets('values', array.values, array.shape.slice(1), source);
}

/** Targets of shape [count, labels]: 1, 0, or −1 for unknown. */
function asSeveralLabels(array: NumberArray | TextArray, source: string): Targets {
  if (!('texts' in array) && array.shape.length === 2) {
    return checkedTargets('labels', array.values, array.shape.slice(1), source);
  }
  const given = 'texts' in array ? 'holds texts' : `is ${array.shape.join('x')}`;
  throw new InputError(`${source}: ${given}; loss = labels wants [count, labels] of 1 and 0, and -1 for unknown`);
}

/** Class indices of shape [count, height, width] or [count, height, width, 1]; pixels with −1 or 255 are ignored. */
function asMaps(array: NumberArray | TextArray, source: string): Targets {
  const { shape } = array;
  const integers = asIntegers(array, source, 'loss = pixels wants integers, the class of each pixel');
  if (shape.length !== 3 && !(shape.length === 4 && shape[3] === 1)) {
    throw new InputError(`${source}: is ${shape.join('x')}; loss = pixels wants [count, height, width]`);
  }
  return checkedTargets('pixels', integers, shape.slice(1, 3), source);
}

/** Numbers as names of outputs or classes, if the data have no names. */
export function numberedNames({ labels, targets }: Answers, { loss, target }: Task, source: string): readonly string[] {
  const most = (numbers: Int32Array) => numbers.reduce((a, b) => Math.max(a, b), -1) + 1;
  const counts = {
    classes: () => most(labels),
    values: () => (target === 'input' ? most(labels) : targets!.shape.at(-1)!),
    labels: () => targets!.shape.at(-1)!,
    pixels: () => most(targets!.values as Int32Array),
  };
  const count = counts[loss]();
  if (count > mostClasses) throw new InputError(`${source}: label ${count - 1}; classes are numbered from 0 on`);
  return Array.from({ length: count }, (_, label) => String(label));
}

/** @throws InputError if a label has no name, or if the number of outputs is not that of the names */
export function checkAnswers(
  { labels, targets }: Answers,
  { loss }: Task,
  names: readonly string[],
  source: string,
): void {
  const classes = targets ? (loss === 'pixels' ? (targets.values as Int32Array) : null) : labels;
  const strange = classes ? classes.findIndex((label) => label >= names.length) : -1;
  if (strange >= 0) {
    throw new InputError(`${source}: label ${strange} is ${classes![strange]}, there are ${names.length} classes`);
  }
  if (!targets || loss === 'pixels' || targets.shape.at(-1) === names.length) return;
  throw new InputError(`${source}: is of ${targets.shape.at(-1)} outputs, there are ${names.length} names`);
}
