/** Predictions from the outputs of a network: classes with probabilities, labels, maps, numbers. */

import { elementCount } from '../graph/tensor.js';
import { predictedClass } from '../ops/softmaxCrossEntropy.js';
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
    const own = outputsOf(logits, image, classes.length);
    const label = predictedClass(own, 0, own.length);
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
 *
 * @throws Error for non-finite outputs
 */
export function answers(
  loss: Exclude<Task['loss'], 'classes'>,
  outputs: Float64Array,
  shape: readonly number[],
  names: readonly string[],
): Answer[] {
  const length = elementCount(shape);
  return Array.from({ length: outputs.length / length }, (_, input): Answer => {
    const own = outputsOf(outputs, input, length);
    switch (loss) {
      case 'values':
        return { values: own };
      case 'labels': {
        const probabilities = own.map((output) => 1 / (1 + Math.exp(-output)));
        return { labels: names.filter((_name, label) => probabilities[label]! >= 0.5), probabilities };
      }
      case 'pixels': {
        const classes = Array.from({ length: length / names.length }, (_, pixel) =>
          predictedClass(own, pixel * names.length, names.length),
        );
        const counts = names.map((_name, label) => classes.filter((other) => other === label).length);
        return { shape: shape.slice(0, -1), classes, shares: counts.map((count) => count / classes.length) };
      }
      default:
        return loss satisfies never;
    }
  });
}

/** As many outputs as an input has. */
function outputsOf(outputs: Float64Array, input: number, length: number): number[] {
  const own = [...outputs.subarray(input * length, (input + 1) * length)];
  if (own.every(Number.isFinite)) return own;
  throw new Error(`input ${input}: the network puts out no finite numbers`);
}
