/** What is trained in the tab: a small network, first in float, then from there with learned bits under a budget. */

import type { TrainingData, TrainingSettings } from '../src/library/train.js';
import { type NetworkDefinition, network } from '../src/nn/index.js';

export interface Targets {
  /** All weights, in kB of 1024 bytes. */
  readonly weightsKb: number;
  /** The largest activation of an image. */
  readonly activationsKb: number;
}

/** Where it is computed. */
export type Place = Pick<TrainingSettings, 'device' | 'threads'>;

type Shape = Pick<TrainingData, 'height' | 'width' | 'channels' | 'classes'>;

export const FLOAT_EPOCHS = 8;
export const LEARNED_EPOCHS = 40;
/** Learned at least so long under targets that have changed. */
export const EPOCHS_AFTER_CHANGE = 15;

const CHANNELS = [16, 32, 32] as const;
/** A larger image is halved so often before. */
const LARGEST_SIDE = 32;

/** Channels of the convolutions, each of which halves the image. */
function channelsOf({ height, width }: Shape): number[] {
  const before = Math.max(0, Math.ceil(Math.log2(Math.max(height, width) / LARGEST_SIDE)));
  return [...Array<number>(before).fill(CHANNELS[0]), ...CHANNELS];
}

/** Convolutions of 3x3, and a linear layer. */
export function tabNetwork(shape: Shape): NetworkDefinition {
  const { height, width, channels, classes } = shape;
  return network({ input: [height, width, channels] }, (n, x) => {
    let h = x;
    for (const count of channelsOf(shape)) h = n.conv(h, count, { stride: 2 });
    return n.linear(n.flatten(h), classes.length, { name: 'classes' });
  });
}

/** The range of each target: below it cannot be met, above it limits nothing. */
export type Limits = Readonly<Record<keyof Targets, readonly [least: number, most: number]>>;

/** Bits of a weight, which has a sign, and of an activation, which has none. */
const FEWEST = { weight: 2, activation: 1 } as const;
const MOST = 8;

export function limitsOf(shape: Shape): Limits {
  let { height, width, channels } = shape;
  let [weights, largest] = [0, 0];
  for (const count of channelsOf(shape)) {
    [height, width] = [Math.ceil(height / 2), Math.ceil(width / 2)];
    weights += 9 * channels * count;
    largest = Math.max(largest, height * width * count);
    channels = count;
  }
  weights += (height * width * channels + 1) * shape.classes.length;
  const kb = (count: number, bits: number) => Math.ceil((100 * count * bits) / 8 / 1024) / 100;
  return {
    weightsKb: [kb(weights, FEWEST.weight), kb(weights, MOST)],
    activationsKb: [kb(largest, FEWEST.activation), kb(largest, MOST)],
  };
}

/** The nearest targets within their limits. */
export function within({ weightsKb, activationsKb }: Targets, limits: Limits): Targets {
  const clamped = (value: number, [least, most]: readonly [number, number]) => Math.max(least, Math.min(most, value));
  return {
    weightsKb: clamped(weightsKb, limits.weightsKb),
    activationsKb: clamped(activationsKb, limits.activationsKb),
  };
}

/** The settings of both parts. */
function commonSettings(images: number): TrainingSettings {
  return {
    // Few drawings make small batches.
    batch_size: Math.min(32, images),
    augment_mirror: false,
    augment_shift: 2,
    schedule: 'cosine',
  };
}

export function floatSettings(images: number, place: Place): TrainingSettings {
  return { ...commonSettings(images), ...place, epochs: FLOAT_EPOCHS, initial_learning_rate: 0.1 };
}

/** Every epoch keeps the targets; bits may change in the first half. */
export function learnedSettings(images: number, place: Place, targets: Targets, epochs: number): TrainingSettings {
  return {
    ...commonSettings(images),
    ...place,
    epochs,
    initial_learning_rate: 0.05,
    w_quantize: 'parametric_fp_d_xmax',
    a_quantize: 'parametric_fp_d_xmax_relu',
    budget: 'guaranteed',
    budget_search: 0.5,
    target_weight_kbytes: targets.weightsKb,
    target_activation_kbytes: targets.activationsKb,
    target_activation_type: 'max',
  };
}
