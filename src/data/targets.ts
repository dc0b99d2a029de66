/** Targets other than one class an input, checked. */

import { InputError } from '../errors.js';
import type { LossKind } from '../task.js';
import type { Targets } from './imageSet.js';

/** The largest number of outputs of a network. */
export const mostClasses = 65_536;
/** Value of ignored pixels in maps of bytes, besides −1. */
const noClass = 255;

/**
 * The targets with these numbers, of length [count, ...shape]; an empty shape of values is one number an input. `classes`:
 * number of classes of pixels, if it is known.
 *
 * @throws InputError, beginning with `source`, for numbers that are no targets of the loss
 */
export function checkedTargets(
  loss: Exclude<LossKind, 'classes'>,
  values: ArrayLike<number | bigint>,
  shape: readonly number[],
  source: string,
  classes = mostClasses,
): Targets {
  // `from(values, …)` would make a list of all numbers first.
  const { length } = values;
  const refuse = (isRight: (value: number) => boolean, wanted: string): Float32Array => {
    const numbers = Float32Array.from({ length }, (_, index) => Number(values[index]));
    const strange = numbers.findIndex((value) => !isRight(value));
    if (strange < 0) return numbers;
    throw new InputError(`${source}: value ${strange} is ${values[strange]}; ${wanted}`);
  };
  switch (loss) {
    case 'values':
      return { values: refuse(Number.isFinite, 'targets are finite'), shape: shape.length === 0 ? [1] : shape };
    case 'labels':
      return { values: refuse((value) => [1, 0, -1].includes(value), 'labels are 1, 0, or -1'), shape };
    case 'pixels':
      return {
        values: Int32Array.from({ length }, (_, index) => pixelClass(Number(values[index]), index, source, classes)),
        shape,
      };
    default:
      throw new Error(`there are no targets for a loss of ${loss satisfies never}`);
  }
}

function pixelClass(label: number, index: number, source: string, classes: number): number {
  if (label === -1 || label === noClass) return -1;
  if (Number.isInteger(label) && label >= 0 && label < classes) return label;
  throw new InputError(
    `${source}: pixel ${index} is ${label}; classes are numbered from 0 ${classes === mostClasses ? 'on' : `to ${classes - 1}`}, -1 or 255 is none`,
  );
}
