/** Settings of the tables of ResNet-20 on CIFAR-10, which share float networks and therefore settings. */

import type { Table } from '../table.js';

/** Runs that are compared with the paper start as published. */
export const publishedStart = { w_stepsize: 'published', a_stepsize: 'published' } as const;

export const cifarDefaults: Pick<Table, 'full' | 'quick' | 'out' | 'publishedEpochs' | 'images'> = {
  full: { seeds: [0, 1, 2], settings: publishedStart },
  // Some 13 to 16 runs of 5120 images each: seven minutes if ResNet-20 trains 240 images a second.
  quick: {
    seeds: [0],
    settings: { ...publishedStart, epochs: 5 },
    images: { batch_size: 32, limit_train: 1224, validation_split: 200, limit_val: 400 },
  },
  out: 'reproduction',
  publishedEpochs: 160,
  images: { classes: 10, side: 32 },
};
