/**
 * Images as resident bytes or floats, the form in which most datasets reach the engines, which normalise and augment
 * them. Subsets are chosen by a seed, so that a limited run can be repeated.
 */
import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';
import type { Features, Moments } from './features.js';
import { type Images, isStream } from './imageStream.js';
import { createRandom, randomStreams } from './random.js';

/** Bytes of pixels, or numbers of anything that was measured. */
export type InputArray = Uint8Array | Float32Array;

export interface ImageSet<A extends InputArray = Uint8Array> {
  /** [count, height, width, channels], NHWC. */
  readonly images: A;
  /** [count], indices into the dataset's classes; zeros if there are `targets`. */
  readonly labels: Int32Array;
  /** Targets, for losses other than that of one class an input. */
  readonly targets?: Targets;
  /** [count]: inputs of one group, such as pieces of one recording, have the same number. */
  readonly groups?: Int32Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Targets: numbers, labels (1, 0, or −1 for unknown), or class indices of pixels. */
export interface Targets {
  /** [count, ...shape] */
  readonly values: Float32Array | Int32Array;
  /** Shape of the targets of one input. */
  readonly shape: readonly number[];
}

export interface Dataset<T extends Images = ImageSet> {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: T;
  readonly test: T;
  /** A set for choosing the best parameters, if the dataset has one. */
  readonly validation?: T;
  /** Those of the sets whose inputs have no labels, and label 0 all the same. */
  readonly unlabelled?: readonly T[];
  /** Meaning of inputs that are not pixels. */
  readonly features?: Features;
  /** Mean and deviation for normalising inputs, unless the experiment gives others. */
  readonly moments?: Moments;
  /** Notes for the user, such as the number of ignored files. */
  readonly notes?: readonly string[];
}

/** Type of the network's input values. */
export type InputType = 'bytes' | 'floats';

export function inputType(images: Images): InputType {
  return isStream(images) || images.images instanceof Uint8Array ? 'bytes' : 'floats';
}

/** The most bytes of a typed array in the oldest supported Node (20): 4 GiB. */
export const maximumBytes = 2 ** 32;

/**
 * A set of black images with label 0, to be filled.
 *
 * @throws InputError if the images would need more than 4 GiB
 */
export function emptyImageSet(count: number, height: number, width: number, channels: number): ImageSet {
  return emptySet(Uint8Array, count, { height, width, channels });
}

type Shape = Pick<ImageSet, 'height' | 'width' | 'channels'>;

function emptySet<A extends InputArray>(
  Values: { new (length: number): A; readonly BYTES_PER_ELEMENT: number },
  count: number,
  { height, width, channels }: Shape,
): ImageSet<A> {
  const length = count * height * width * channels;
  const bytes = length * Values.BYTES_PER_ELEMENT;
  if (bytes > maximumBytes) {
    throw new InputError(
      `${count} images of ${height}x${width}x${channels} need ${(bytes / 2 ** 30).toFixed(1)} GiB: ` +
        'at most 4 GiB can be resident; use a smaller image size, fewer images, or for a folder stream = true',
    );
  }
  return { images: new Values(length), labels: new Int32Array(count), count, height, width, channels };
}

/** An empty set with the sizes and types of another one's images and targets. */
function emptyLike(count: number, like: ImageSet<InputArray>): ImageSet<InputArray> {
  const { images, targets, groups, height, width, channels } = like;
  const shape = { height, width, channels };
  const set = images instanceof Uint8Array ? emptySet(Uint8Array, count, shape) : emptySet(Float32Array, count, shape);
  if (!targets && !groups) return set;
  return {
    ...set,
    ...(targets && { targets: { ...targets, values: emptyTargets(targets, count) } }),
    ...(groups && { groups: new Int32Array(count) }),
  };
}

function emptyTargets({ values, shape }: Targets, count: number): Targets['values'] {
  const length = count * targetLength({ shape });
  return values instanceof Int32Array ? new Int32Array(length) : new Float32Array(length);
}

/** Number of target values of one input. */
export function targetLength({ shape }: Pick<Targets, 'shape'>): number {
  return elementCount(shape);
}

/** Copies `count` inputs of a set, from index `first`, to index `place` of another set of the same sizes. */
function copyInputs(from: ImageSet<InputArray>, first: number, count: number, to: ImageSet<InputArray>, place: number) {
  const size = from.height * from.width * from.channels;
  to.images.set(from.images.subarray(first * size, (first + count) * size), place * size);
  to.labels.set(from.labels.subarray(first, first + count), place);
  if (from.targets && to.targets) {
    const length = targetLength(from.targets);
    to.targets.values.set(from.targets.values.subarray(first * length, (first + count) * length), place * length);
  }
  if (from.groups) to.groups?.set(from.groups.subarray(first, first + count), place);
}

/**
 * `count` images chosen by `seed`, in their old order.
 *
 * @param where the place that gives `count`, for the error
 * @throws InputError if `count` is not a whole number between 1 and the set's size
 */
export function limit<T extends Images>(set: T, count: number, seed: number, where = 'limit'): T {
  if (!Number.isInteger(count) || count < 1 || count > set.count) {
    throw new InputError(
      `${where} = ${count}: there are ${set.count} images; give a whole number from 1 to ${set.count}, or all`,
    );
  }
  return choose(set, shuffledIndices(set.count, seed).subarray(0, count));
}

/**
 * The default number of images to hold out of `count` training images: a tenth, at most 5000 (of the paper's 50 000).
 */
export function usualSplit(count: number): number {
  return Math.max(1, Math.min(5000, Math.floor(count / 10)));
}

/**
 * Holds out `count` images chosen by `seed`, for validation; both parts keep their old order.
 *
 * @param where the place that gives `count`, for the error
 * @throws InputError if `count` is not a whole number that leaves both parts at least one image
 */
export function split<T extends Images>(
  set: T,
  count: number,
  seed: number,
  where = 'validation_split',
): { rest: T; held: T } {
  if (set.count < 2) {
    throw new InputError('select = validation: there is one training image, and none to hold out; give more');
  }
  if (!Number.isInteger(count) || count < 1 || count >= set.count) {
    throw new InputError(
      `${where} = ${count}: cannot hold out so many of ${set.count} images; give a whole number from 1 to ${set.count - 1}`,
    );
  }
  const indices = shuffledIndices(set.count, seed);
  return { rest: choose(set, indices.subarray(count)), held: choose(set, indices.subarray(0, count)) };
}

/** The images of several sets of one size and type, one after another. */
export function joined(sets: readonly [ImageSet<InputArray>, ...ImageSet<InputArray>[]]): ImageSet<InputArray> {
  const [first, ...rest] = sets;
  if (rest.length === 0) return first;
  const result = emptyLike(
    sets.reduce((sum, { count }) => sum + count, 0),
    first,
  );
  let start = 0;
  for (const set of sets) {
    copyInputs(set, 0, set.count, result, start);
    start += set.count;
  }
  return result;
}

function shuffledIndices(count: number, seed: number): Int32Array {
  const indices = Int32Array.from({ length: count }, (_, index) => index);
  createRandom(seed, randomStreams.choice).shuffle(indices);
  return indices;
}

/** The images with these indices, in their old order. */
export function choose<T extends Images>(set: T, chosen: Int32Array): T;
export function choose(set: Images, chosen: Int32Array): Images {
  const inOrder = chosen.toSorted();
  if (isStream(set)) {
    const { files, sizes } = set;
    return {
      ...set,
      files: Array.from(inOrder, (source) => files[source]!),
      count: inOrder.length,
      sizes: sizes && Int32Array.from([...inOrder].flatMap((source) => [sizes[2 * source]!, sizes[2 * source + 1]!])),
    };
  }
  return inputsOf(set, inOrder);
}

/** The inputs of a set with these indices, one after another; an index may stand there several times. */
export function inputsOf(set: ImageSet<InputArray>, indices: Int32Array): ImageSet<InputArray> {
  const result = emptyLike(indices.length, set);
  indices.forEach((source, target) => {
    copyInputs(set, source, 1, result, target);
  });
  return result;
}
