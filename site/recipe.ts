/** The training of the tab: a small network, first in float, then from there with learned bits under a budget. */

import type { TrainingSettings } from '../src/library/train.js';
import { type NetworkDefinition, network } from '../src/nn/index.js';
import { channelsOf, type Shape, type Targets } from './targets.js';

/** Device and threads. */
export type Place = Pick<TrainingSettings, 'device' | 'threads'>;

const FLOAT_EPOCHS = 8;
export const LEARNED_EPOCHS = 40;
/** The fewest epochs of learned bits after the targets have changed. */
export const EPOCHS_AFTER_CHANGE = 15;

/** Convolutions of 3x3, and a linear layer. */
export function tabNetwork(shape: Shape): NetworkDefinition {
  const { height, width, channels, classes } = shape;
  return network({ input: [height, width, channels] }, (n, x) => {
    let h = x;
    for (const count of channelsOf(shape)) h = n.conv(h, count, { stride: 2 });
    return n.linear(n.flatten(h), classes.length, { name: 'classes' });
  });
}

/** The settings of both parts. */
function commonSettings(images: number): TrainingSettings {
  return {
    // Few drawings need small batches.
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
