/** The targets of a training, set by sliders, and their limits for the tab's network. */

import type { TrainingData } from '../src/library/train.js';

export interface Targets {
  /** Size of all weights, in kB of 1024 bytes. */
  readonly weightsKb: number;
  /** Size of an image's largest activation, in kB. */
  readonly activationsKb: number;
}

/** Shape of images, and the classes that they show. */
export type Shape = Pick<TrainingData, 'height' | 'width' | 'channels' | 'classes'>;

const CHANNELS = [16, 32, 32] as const;
/** Larger images are halved until they are no larger. */
const LARGEST_SIDE = 32;

/** Channels of the convolutions, each of which halves the image. */
export function channelsOf({ height, width }: Shape): number[] {
  const before = Math.max(0, Math.ceil(Math.log2(Math.max(height, width) / LARGEST_SIDE)));
  return [...Array<number>(before).fill(CHANNELS[0]), ...CHANNELS];
}

/** The range of each target: below it a target cannot be met, above it has no effect. */
export type Limits = Readonly<Record<keyof Targets, readonly [least: number, most: number]>>;

/** The fewest bits of a weight, which has a sign, and of an activation, which has none. */
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
