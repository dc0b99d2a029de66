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

/** Three convolutions, each halving the image, and a linear layer. */
export function tabNetwork({ height, width, channels, classes }: Shape): NetworkDefinition {
  return network({ input: [height, width, channels] }, (n, x) => {
    let h = x;
    for (let side = Math.max(height, width); side > LARGEST_SIDE; side = Math.ceil(side / 2)) {
      h = n.conv(h, CHANNELS[0], { stride: 2 });
    }
    for (const count of CHANNELS) h = n.conv(h, count, { stride: 2 });
    return n.linear(n.flatten(h), classes.length, { name: 'classes' });
  });
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
