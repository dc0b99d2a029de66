/** A training small enough for a page: generated images, a network of three layers with learned bitwidths, a budget. */

import type { TrainingOptions, TrainingSettings } from 'mixed-precision-dnns';
import { generateSynthetic } from 'mixed-precision-dnns/browser';

const { classes, train, test } = generateSynthetic(1, 64);

/** @param place engine and number of threads */
export function smallTraining(place: Pick<TrainingSettings, 'device' | 'threads'>): TrainingOptions {
  return {
    data: { height: 32, width: 32, channels: 3, classes, train, test },
    settings: {
      model: 'tiny',
      epochs: 2,
      batch_size: 16,
      w_quantize: 'parametric_fp_d_xmax',
      a_quantize: 'parametric_fp_d_xmax_relu',
      target_weight_kbytes: 0.8,
      ...place,
    },
  };
}
