/** Every published section for one epoch on 2000 images, to check that each one trains. */

import { publishedConfig } from '../publishedConfig.js';
import { nothingPublished } from '../publishedResults.js';
import type { Table, TableRow } from '../table.js';
import { publishedStart } from './cifarDefaults.js';

const files = [
  { group: 'Uniform', config: 'train_resnet_quant_fp.cfg' },
  { group: 'Power-of-two', config: 'train_resnet_quant_pow2.cfg' },
] as const;

const oneEpoch = { seeds: [0], settings: { ...publishedStart, epochs: 1 } };

export const sections: Table = {
  name: 'sections',
  title: 'Every published section, one epoch each',
  introduction:
    'All sections of the published files, trained for one epoch on few images: what is compared is whether each one ' +
    'trains, not how well. A section that starts from another one starts from what one epoch gave there; sections of ' +
    'one name in both files are the same run.',
  published: nothingPublished,
  variants: ['none'],
  rows: () => [
    { id: 'float', label: 'DEFAULT', group: 'Float', config: files[0].config, section: 'DEFAULT' },
    ...files.flatMap(({ group, config }) =>
      [...publishedConfig(config).sections.keys()].map(
        (section): TableRow => ({ id: `${group}/${section}`, label: section, group, config, section }),
      ),
    ),
  ],
  // One epoch says nothing about gaps.
  floatRow: ({ id }) => id,
  claims: [],
  curves: [],
  bitwidths: [],
  explainsGradients: false,
  // 2000 training images, and a tenth as many to select with.
  full: { ...oneEpoch, settings: { ...oneEpoch.settings, limit_train: 2200, validation_split: 200, limit_val: 1000 } },
  quick: { ...oneEpoch, images: { batch_size: 128, limit_train: 352, validation_split: 32, limit_val: 100 } },
  out: 'reproduction-sections',
  publishedEpochs: 160,
  images: { classes: 10, side: 32 },
};
