/** Scores of single classes, numbers, and labels, which tell where the error of a network lies. */

import type { ImageSet, InputArray, Targets } from '../data/imageSet.js';
import { type Images, isStream } from '../data/imageStream.js';
import { predictedClass } from '../ops/softmaxCrossEntropy.js';
import type { Task } from '../task.js';
import {
  intersectionOverUnion,
  labelAreas,
  labelColumns,
  pixelCounts,
  reconstructionError,
  type Scaling,
} from './score.js';

/** The inputs of one class: the fraction of wrong predictions, and the class that most of the wrong ones are. */
export interface ClassScore {
  readonly class: string;
  readonly inputs: number;
  /** null without inputs */
  readonly error: number | null;
  readonly taken_for: string | null;
}

/** One of the numbers that are put out. */
export interface NumberScore {
  readonly output: string;
  /** The root of the mean squared error, in the unit of the targets. */
  readonly rmse: number;
  /** The mean of the errors' amounts. */
  readonly mean_error: number;
  /** 1 − mean squared error / variance of the targets; null if all are the same. */
  readonly r2: number | null;
}

/** The inputs of one class of an autoencoder: their mean squared error. */
export interface ReconstructionScore {
  readonly class: string;
  readonly inputs: number;
  /** null without inputs */
  readonly mse: number | null;
}

/** One of several labels of an input; `auc` is null if the label is there in all inputs or in none. */
export interface LabelScore {
  readonly label: string;
  readonly there: number;
  readonly not_there: number;
  readonly auc: number | null;
}

/** One class of pixels; `iou` is null if the class is neither in the maps nor in the predictions. */
export interface PixelScore {
  readonly class: string;
  readonly pixels: number;
  readonly iou: number | null;
}

export type EachScore = ClassScore | NumberScore | ReconstructionScore | LabelScore | PixelScore;

/** Collects the outputs of one input after the other, number `image` of the set. */
export interface EachOutput {
  add(outputs: ArrayLike<number>, image: number): void;
  /** In the order of the network's outputs; of an autoencoder in that of the classes. */
  scores(): EachScore[];
}

/** The scores of the network's outputs on these images, which have targets for the task; `names`: those of the classes or outputs. */
export function eachOutput(
  { loss, target }: Pick<Task, 'loss' | 'target'>,
  images: Images,
  names: readonly string[],
  scaling: Scaling,
): EachOutput {
  switch (loss) {
    case 'classes':
      return eachClass(images, names);
    case 'values':
      return target === 'input'
        ? eachReconstruction(resident(images), names, scaling)
        : eachNumber(resident(images), names);
    case 'labels':
      return eachLabel(resident(images), names);
    case 'pixels':
      return eachPixelClass(resident(images), names);
    default:
      throw new Error(`there are no scores of ${loss satisfies never}`);
  }
}

/** Only classes of images are streamed. */
function resident(images: Images): ImageSet<InputArray> {
  if (isStream(images)) throw new Error('streamed images have classes only');
  return images;
}

function eachClass(images: Images, names: readonly string[]): EachOutput {
  const labels = isStream(images) ? images.files.map(({ label }) => label) : images.labels;
  /** [actual][predicted]; what is no number is wrong and of no class. */
  const confusion = names.map(() => new Int32Array(names.length));
  const inputs = new Int32Array(names.length);
  return {
    add: (outputs, image) => {
      const label = labels[image]!;
      inputs[label]!++;
      const predicted = predictedClass(outputs, 0, outputs.length);
      if (predicted >= 0) confusion[label]![predicted]!++;
    },
    scores: () =>
      names.map((name, label) => {
        const count = inputs[label]!;
        const others = confusion[label]!.map((taken, other) => (other === label ? 0 : taken));
        const most = Math.max(...others);
        return {
          class: name,
          inputs: count,
          error: count === 0 ? null : 1 - confusion[label]![label]! / count,
          taken_for: most > 0 ? names[others.indexOf(most)]! : null,
        };
      }),
  };
}

function eachNumber({ targets }: ImageSet<InputArray>, names: readonly string[]): EachOutput {
  const { values, shape } = targets as Targets;
  const outputs = shape.at(-1) ?? 1;
  const sums = Array.from({ length: outputs }, () => ({ count: 0, squares: 0, amounts: 0, mean: 0, spread: 0 }));
  return {
    add: (own, image) => {
      for (let i = 0; i < own.length; i++) {
        const sum = sums[i % outputs]!;
        const value = values[image * own.length + i]!;
        const difference = own[i]! - value;
        sum.count++;
        sum.squares += difference ** 2;
        sum.amounts += Math.abs(difference);
        // Welford's sum of squared differences from the mean, which does not cancel.
        const before = value - sum.mean;
        sum.mean += before / sum.count;
        sum.spread += before * (value - sum.mean);
      }
    },
    scores: () =>
      sums.map(({ count, squares, amounts, spread }, output) => ({
        output: names.length === outputs ? names[output]! : String(output),
        rmse: Math.sqrt(squares / count),
        mean_error: amounts / count,
        r2: spread > 0 ? 1 - squares / spread : null,
      })),
  };
}

function eachReconstruction(set: ImageSet<InputArray>, names: readonly string[], scaling: Scaling): EachOutput {
  const sums = names.map(() => ({ inputs: 0, errors: 0 }));
  return {
    add: (outputs, image) => {
      const sum = sums[set.labels[image]!]!;
      sum.inputs++;
      sum.errors += reconstructionError(outputs, set, image, scaling);
    },
    scores: () =>
      sums.map(({ inputs, errors }, label) => ({
        ...{ class: names[label]!, inputs, mse: inputs === 0 ? null : errors / inputs },
      })),
  };
}

function eachLabel(set: ImageSet<InputArray>, names: readonly string[]): EachOutput {
  const columns = labelColumns(set);
  const { add, areas } = labelAreas(columns);
  return {
    add,
    scores: () =>
      areas().map((area, label) => {
        const [there, absent] = [1, 0].map((wanted) => columns[label]!.filter((own) => own === wanted).length);
        return { label: names[label]!, there: there!, not_there: absent!, auc: there && absent ? area : null };
      }),
  };
}

function eachPixelClass({ targets }: ImageSet<InputArray>, names: readonly string[]): EachOutput {
  const { add, counts } = pixelCounts(targets!);
  return {
    add,
    scores: () =>
      names.map((name, label) => {
        const own = counts.get(label);
        return { class: name, pixels: own?.actual ?? 0, iou: own ? intersectionOverUnion(own) : null };
      }),
  };
}
