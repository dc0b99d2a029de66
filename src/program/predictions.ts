/** Predictions from the outputs of a network: classes with probabilities, labels, maps, numbers. */

import { elementCount } from '../graph/tensor.js';
import { softmax } from '../softmax.js';
import type { Task } from '../task.js';

/** The prediction of a classifier for one image. */
export interface Prediction {
  /** The class with the largest logit. */
  readonly class: string;
  /** Index of the class. */
  readonly label: number;
  /** Softmax probability of the class. */
  readonly probability: number;
  /** One for each class. */
  readonly logits: readonly number[];
}

/**
 * The predictions for logits [count, classes], in order; `classes`: names. Of equal logits the first is taken.
 *
 * @throws Error for non-finite logits
 */
export function predictions(logits: Float64Array, classes: readonly string[]): Prediction[] {
  return Array.from({ length: logits.length / classes.length }, (_, image) => {
    const own = [...logits.subarray(image * classes.length, (image + 1) * classes.length)];
    const largest = Math.max(...own);
    if (!Number.isFinite(largest)) throw new Error(`image ${image}: the network puts out no finite numbers`);
    const label = own.indexOf(largest);
    return { class: classes[label]!, label, probability: softmax(own)[label]!, logits: own };
  });
}

/** The prediction of a network for another task. */
export type Answer =
  | { readonly values: readonly number[] }
  /** Labels with a probability of at least a half; `probabilities` has one for each label, in order. */
  | { readonly labels: readonly string[]; readonly probabilities: readonly number[] }
  /** The class of each pixel, row by row; `shares`: fraction of the pixels for each class. */
  | { readonly shape: readonly number[]; readonly classes: readonly number[]; readonly shares: readonly number[] };

/**
 * The predictions for outputs [count, ...shape] of a network; `names`: those of its outputs, or of the classes of
 * pixels.
 */
export function answers(
  loss: Exclude<Task['loss'], 'classes'>,
  outputs: Float64Array,
  shape: readonly number[],
  names: readonly string[],
): Answer[] {
  const length = elementCount(shape);
  return Array.from({ length: outputs.length / length }, (_, input): Answer => {
    const own = [...outputs.subarray(input * length, (input + 1) * length)];
    switch (loss) {
      case 'values':
        return { values: own };
      case 'labels': {
        const probabilities = own.map((output) => 1 / (1 + Math.exp(-output)));
        return { labels: names.filter((_name, label) => probabilities[label]! >= 0.5), probabilities };
      }
      case 'pixels': {
        const classes = pixelClasses(own, names.length);
        const counts = names.map((_name, label) => classes.filter((other) => other === label).length);
        return { shape: shape.slice(0, -1), classes, shares: counts.map((count) => count / classes.length) };
      }
      default:
        throw new Error(`there are no answers of ${loss satisfies never}`);
    }
  });
}

/** The class with the largest logit for each pixel; of equal ones the first. */
function pixelClasses(logits: readonly number[], classes: number): number[] {
  return Array.from({ length: logits.length / classes }, (_, pixel) => {
    const own = logits.slice(pixel * classes, (pixel + 1) * classes);
    return own.indexOf(Math.max(...own));
  });
}
