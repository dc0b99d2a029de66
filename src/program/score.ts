/**
 * Scores: metrics that need the outputs themselves, computed on the host during an evaluation. All are errors: 1 − AUC,
 * 1 − mean IoU.
 */

import { type ImageSet, type InputArray, type Targets, targetLength } from '../data/imageSet.js';
import { type Images, isStream } from '../data/imageStream.js';
import { InputError } from '../errors.js';
import { predictedClass } from '../ops/softmaxCrossEntropy.js';
import type { MetricName, Task } from '../task.js';

export interface Score {
  /** Adds the outputs of one input, number `image` of the set. */
  add(outputs: ArrayLike<number>, image: number): void;
  error(): number;
}

/** Scaling of inputs: v·scale + offset for each channel. */
export interface Scaling {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/** The part of the data that an evaluation is of. */
export type EvaluatedPart = 'test' | 'validation';

/** A task whose metric is a score. */
export type ScoredTask = Pick<Task, 'target'> & { readonly metric: Exclude<MetricName, 'error' | 'mse'> };

/**
 * A function that makes a new score of a set, which is this part of the data.
 *
 * @throws InputError for a set without what the metric needs
 */
export function scoreOf(
  { metric, target }: ScoredTask,
  images: Images,
  scaling: Scaling,
  part: EvaluatedPart,
): () => Score {
  switch (metric) {
    case 'auc': {
      const set = resident(images, metric);
      return target === 'input' ? anomalyScore(set, scaling, part) : labelScore(set, part);
    }
    case 'iou':
      return pixelScore(resident(images, metric), part);
    default:
      throw new Error(`there is no score ${metric satisfies never}`);
  }
}

function resident(images: Images, metric: Task['metric']): ImageSet<InputArray> {
  if (!isStream(images)) return images;
  throw new InputError(`metric = ${metric}: is not known of streamed images; set stream = false`);
}

/** What to do about a part of the data that lacks what a metric needs: give it, or judge other inputs. */
function remedy(part: EvaluatedPart, needed: string): string {
  const other = part === 'test' ? '' : 'set select = test or last, or a larger validation_split, or ';
  return `${other}give ${needed}`;
}

/** 1 − the mean AUC over labels that occur both as 1 and as 0. */
function labelScore(set: ImageSet<InputArray>, part: EvaluatedPart): () => Score {
  const columns = labelColumns(set);
  const known = columns.map((column) => column.includes(0) && column.includes(1));
  if (!known.includes(true)) {
    throw new InputError(
      `metric = auc: no label is there in some of the ${part} inputs and not in others; ${remedy(part, 'some of both')}`,
    );
  }
  return () => {
    const { add, areas } = labelAreas(columns);
    return {
      add,
      error: () => {
        const all = areas().filter((_, label) => known[label]);
        return 1 - all.reduce((sum, area) => sum + area, 0) / all.length;
      },
    };
  };
}

/** For each label the targets of all inputs: 1, 0, or −1. */
export function labelColumns({ targets, count }: ImageSet<InputArray>): number[][] {
  const labels = targets!.shape.at(-1)!;
  return Array.from({ length: labels }, (_, label) =>
    Array.from({ length: count }, (_input, image) => targets!.values[image * labels + label]!),
  );
}

/**
 * Collects the outputs of all inputs, whose targets are the `columns`. `areas`: the AUC of each label, NaN if it does
 * not occur both as 1 and as 0.
 */
export function labelAreas(columns: readonly (readonly number[])[]): Pick<Score, 'add'> & { areas(): number[] } {
  const outputs = columns.map(({ length }) => new Float64Array(length));
  return {
    add: (own, image) => {
      outputs.forEach((column, label) => {
        column[image] = own[label]!;
      });
    },
    areas: () => columns.map((column, label) => areaUnderCurve(outputs[label]!, column)),
  };
}

/** 1 − AUC of an autoencoder's errors, of single inputs or of groups, as scores of anomalies; label 0 is normal. */
function anomalyScore(set: ImageSet<InputArray>, scaling: Scaling, part: EvaluatedPart): () => Score {
  const { labels, groups, count } = set;
  const numbers = groups ? [...new Set(groups)] : Array.from({ length: count }, (_, image) => image);
  const places = new Map(numbers.map((number, place) => [number, place]));
  const placeOf = (image: number) => places.get(groups ? groups[image]! : image)!;
  const isAnomaly = new Float64Array(numbers.length);
  const sizes = new Float64Array(numbers.length);
  for (let image = 0; image < count; image++) {
    const place = placeOf(image);
    const own = labels[image] === 0 ? 0 : 1;
    if (sizes[place]! > 0 && isAnomaly[place] !== own) {
      throw new InputError(
        `metric = auc: group ${groups![image]} has normal inputs (label 0) and others; it is one or the other`,
      );
    }
    isAnomaly[place] = own;
    sizes[place]!++;
  }
  if (!isAnomaly.includes(0) || !isAnomaly.includes(1)) {
    const had = isAnomaly.includes(0) ? 'label 0, as inputs without labels do' : 'other labels';
    throw new InputError(
      `metric = auc: wants normal inputs (label 0) and others; all ${part} inputs have ${had}; ${remedy(part, 'labels of both')}`,
    );
  }
  return () => {
    const errors = new Float64Array(numbers.length);
    return {
      add: (outputs, image) => {
        errors[placeOf(image)]! += reconstructionError(outputs, set, image, scaling);
      },
      error: () =>
        1 -
        areaUnderCurve(
          errors.map((sum, place) => sum / sizes[place]!),
          isAnomaly,
        ),
    };
  };
}

/** The mean squared error between an autoencoder's output and its normalised input. */
export function reconstructionError(
  outputs: ArrayLike<number>,
  { images, count }: ImageSet<InputArray>,
  image: number,
  { scale, offset }: Scaling,
): number {
  const size = images.length / count;
  let sum = 0;
  for (let i = 0; i < size; i++) {
    const channel = i % scale.length;
    const input = images[image * size + i]! * scale[channel]! + offset[channel]!;
    sum += (outputs[i]! - input) ** 2;
  }
  return sum / size;
}

/** 1 − the mean IoU over all classes in the maps or the predictions, from the pixels of all inputs together. */
function pixelScore({ targets }: ImageSet<InputArray>, part: EvaluatedPart): () => Score {
  const { values } = targets!;
  if (values.every((label) => label < 0)) {
    throw new InputError(
      `metric = iou: no pixel of the ${part} inputs has a class; ${remedy(part, 'maps of classes from 0 on')}`,
    );
  }
  return () => {
    const { add, counts } = pixelCounts(targets!);
    return {
      add,
      error: () => {
        const ratios = [...counts.values()].map(intersectionOverUnion);
        return 1 - ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
      },
    };
  };
}

/** Pixels of one class: in the maps, in the predictions, and in both. */
interface PixelCounts {
  actual: number;
  predicted: number;
  both: number;
}

/** Counts pixels by class, for classes that are in the maps or in the predictions; those of no class are left out. */
export function pixelCounts(targets: Targets): Pick<Score, 'add'> & { counts: ReadonlyMap<number, PixelCounts> } {
  const { values } = targets;
  const pixels = targetLength(targets);
  const counts = new Map<number, PixelCounts>();
  const of = (label: number) => {
    const known = counts.get(label) ?? { actual: 0, predicted: 0, both: 0 };
    counts.set(label, known);
    return known;
  };
  return {
    counts,
    add: (outputs, image) => {
      const classes = outputs.length / pixels;
      for (let pixel = 0; pixel < pixels; pixel++) {
        const actual = values[image * pixels + pixel]!;
        if (actual < 0) continue;
        const predicted = predictedClass(outputs, pixel * classes, classes);
        of(actual).actual++;
        if (predicted < 0) continue;
        of(predicted).predicted++;
        if (actual === predicted) of(actual).both++;
      }
    },
  };
}

/** The intersection of map and prediction over their union, in pixels of one class. */
export function intersectionOverUnion({ actual, predicted, both }: PixelCounts): number {
  return both / (actual + predicted - both);
}

/**
 * The area under the receiver operating characteristic: the fraction of pairs in which the input with the label scores
 * higher than the one without, a tie counting a half (Mann and Whitney's U). Labels other than 1 and 0 are ignored. NaN if a
 * score is NaN, which has no place in the order.
 */
export function areaUnderCurve(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Array.from(scores, (score, index) => ({ score, label: labels[index]! }))
    .filter(({ label }) => label === 0 || label === 1)
    .sort((a, b) => a.score - b.score);
  if (order.some(({ score }) => Number.isNaN(score))) return Number.NaN;
  let below = 0;
  let wins = 0;
  for (let at = 0; at < order.length; ) {
    let [positive, negative] = [0, 0];
    const { score } = order[at]!;
    for (; at < order.length && order[at]!.score === score; at++) {
      if (order[at]!.label === 1) positive++;
      else negative++;
    }
    wins += positive * (below + negative / 2);
    below += negative;
  }
  const positives = order.length - below;
  return wins / (positives * below);
}
