/** Images given by callers of the library: bytes or floats in typed arrays. */

import { type ImageSet, type InputArray, type Targets, targetLength } from '../data/imageSet.js';
import { checkedTargets } from '../data/targets.js';
import { InputError } from '../errors.js';
import type { Task } from '../task.js';

/** Images with their labels (class indices), or with the targets of another loss. */
export interface LabelledImages {
  /**
   * [count, height, width, channels]. Bytes are given as they are, since normalisation is part of the network. Floats
   * may be any finite numbers; they are normalised only if the settings give `mean` and `std`.
   */
  readonly images: Uint8Array | Uint8ClampedArray | Float32Array;
  /** [count]; empty with targets, and for an autoencoder. */
  readonly labels: ArrayLike<number>;
  /**
   * Targets [count, ...shape] with `loss` = values, labels or pixels; `shape` is that of one input's targets. Labels
   * are 1, 0, or −1 for unknown; pixels are class indices, or −1 or 255 for none.
   */
  readonly targets?: { readonly values: ArrayLike<number>; readonly shape: readonly number[] };
}

/** Images read on demand (decoded, fetched, computed), for more of them than memory holds. */
export interface ImageSource {
  /** [count] */
  readonly labels: ArrayLike<number>;
  /**
   * Writes the bytes [height, width, channels] of an image. Repeated reads must give the same bytes, or resumed runs
   * would differ from uninterrupted ones. Several reads run at a time.
   */
  readonly read: (image: number, target: Uint8Array) => void | Promise<void>;
}

/** The shape of all images of a network. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  /** Any number from 1: grey, RGB, RGB and depth … */
  readonly channels: number;
}

/**
 * The image set of arrays.
 *
 * @throws InputError that begins with `what` if sizes or labels do not fit
 */
export function imageSet(
  given: LabelledImages,
  shape: ImageShape,
  classes: number,
  what: string,
  task: Task,
): ImageSet<InputArray> {
  const unlabelled = unlabelledSet(given.images, shape, what);
  const { count } = unlabelled;
  if (task.loss !== 'classes' && task.target === 'data') {
    return { ...unlabelled, targets: targetsOf(given, task.loss, count, classes, what) };
  }
  if (task.target === 'input' && given.labels.length === 0) return unlabelled;
  const { labels } = given;
  if (labels.length !== count) throw new InputError(`${what}: ${labels.length} labels for ${count} images`);
  return { ...unlabelled, labels: checkedLabels(labels, classes, what) };
}

/**
 * The labels.
 *
 * @throws InputError that begins with `what` for a label that is the index of no class
 */
export function checkedLabels(labels: ArrayLike<number>, classes: number, what: string): Int32Array {
  for (let index = 0; index < labels.length; index++) {
    const label = labels[index]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new InputError(`${what}: label ${index} is ${label}; it must be a whole number from 0 to ${classes - 1}`);
  }
  return Int32Array.from(labels);
}

function targetsOf(
  { targets }: LabelledImages,
  loss: Exclude<Task['loss'], 'classes'>,
  count: number,
  classes: number,
  what: string,
): Targets {
  if (!targets) throw new InputError(`${what}: loss = ${loss} wants targets`);
  const { values, shape } = targets;
  if (values.length === count * targetLength({ shape })) {
    return checkedTargets(loss, values, shape, `${what}.targets`, classes);
  }
  throw new InputError(`${what}: ${values.length} targets for ${count} images, ${shape.join('x')} each`);
}

/** The image set of images without labels: all labels are 0. Throws as {@link imageSet} does. */
export function unlabelledSet(images: LabelledImages['images'], shape: ImageShape, what: string): ImageSet<InputArray> {
  checkShape(shape, what);
  const { height, width, channels } = shape;
  const count = images.length / (height * width * channels);
  if (Number.isInteger(count) && count >= 1) {
    return { ...shape, count, images: asInputs(images, what), labels: new Int32Array(count) };
  }
  throw new InputError(
    `${what}: ${images.length} values are no whole number of images of ${height}x${width}x${channels}, one at least`,
  );
}

/**
 * Checks sizes of images.
 *
 * @throws InputError that begins with `what` for one that no image has
 */
export function checkShape({ height, width, channels }: ImageShape, what: string): void {
  for (const [name, value] of Object.entries({ height, width, channels })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new InputError(`${what}: ${name} is ${value}; it must be a whole number from 1 on`);
  }
}

function asInputs(images: LabelledImages['images'], what: string): InputArray {
  if (!(images instanceof Float32Array)) {
    // Callers without types may give any array: those of other numbers must not be taken for bytes.
    if (images.BYTES_PER_ELEMENT === 1 && !((images as object) instanceof Int8Array))
      return new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
    throw new InputError(`${what}: values must be a Uint8Array or a Float32Array`);
  }
  const strange = images.findIndex((value) => !Number.isFinite(value));
  if (strange >= 0) throw new InputError(`${what}: value ${strange} is ${images[strange]}; it must be a finite number`);
  return images;
}
