/** Drawings of classes as images for training and testing. */

import { createRandom } from '../../src/data/random.js';
import { InputError } from '../../src/errors.js';
import type { TrainingData } from '../../src/library/train.js';
import { digitShape } from './digitShape.js';
import { drawStrokes, type Stroke } from './strokes.js';
import { drawVaried } from './variations.js';

export interface DrawnClass {
  readonly name: string;
  /** Each of strokes. */
  readonly drawings: readonly (readonly Stroke[])[];
}

/** The fewest drawings of a class. */
export const FEWEST = 3;
/** Every TEST_EVERY-th drawing of a class is for testing. */
const TEST_EVERY = 4;
/** Training images made from a drawing; the first is unchanged. */
const VARIATIONS = 12;

/** Throws an `InputError` for fewer than two classes, two of one name, or too few drawings. */
export function drawingsData(classes: readonly DrawnClass[]): TrainingData {
  const drawn = classes.filter(({ drawings }) => drawings.length > 0);
  if (drawn.length < 2) throw new InputError('draw examples of two classes at least');
  for (const [index, { name, drawings }] of drawn.entries()) {
    if (name.trim() === '') throw new InputError('a class has no name');
    if (drawn.findIndex((other) => other.name === name) < index) throw new InputError(`two classes are called ${name}`);
    if (drawings.length < FEWEST) throw new InputError(`${name}: draw ${FEWEST} examples at least`);
  }
  const random = createRandom(1);
  const train: Labelled[] = [];
  const test: Labelled[] = [];
  for (const [label, { drawings }] of drawn.entries()) {
    for (const [index, strokes] of drawings.entries()) {
      const image = drawStrokes(strokes);
      if (index % TEST_EVERY === FEWEST - 1) test.push({ image, label });
      else {
        train.push({ image, label });
        for (let more = 1; more < VARIATIONS; more++) train.push({ image: drawVaried(strokes, random), label });
      }
    }
  }
  return {
    ...{ ...digitShape, classes: drawn.map(({ name }) => name) },
    ...{ train: joined(train), test: joined(test) },
  };
}

export interface Labelled {
  readonly image: Uint8Array;
  readonly label: number;
}

/** Images one after another, with their labels. */
export function joined(all: readonly Labelled[]): { images: Uint8Array; labels: Int32Array } {
  const size = all[0]?.image.length ?? 0;
  const images = new Uint8Array(all.length * size);
  for (const [index, { image }] of all.entries()) images.set(image, index * size);
  return { images, labels: Int32Array.from(all, ({ label }) => label) };
}
