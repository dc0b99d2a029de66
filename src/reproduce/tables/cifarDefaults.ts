/** How the tables of ResNet-20 on CIFAR-10 are run: they share their float networks, so they share their settings. */

import type { Table } from '../table.js';

export const cifarDefaults: Pick<Table, 'full' | 'quick' | 'out' | 'publishedEpochs' | 'images'> = {
  full: { seeds: [0, 1, 2], settings: {} },
  // Some 13 to 16 runs of 8000 images each: four to five minutes where ResNet-20 trains 450 images a second.
  quick: {
    seeds: [0],
    settings: { epochs: 4, batch_size: 32, limit_train: 2300, validation_split: 300, limit_val: 500 },
  },
  out: 'reproduction',
  publishedEpochs: 160,
  images: { classes: 10, side: 32 },
};
