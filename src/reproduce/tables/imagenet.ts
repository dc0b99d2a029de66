/** ResNet-18 and MobileNetV2 on ImageNet: the figure that was published with the original code. */

import { publishedImagenet } from '../publishedResults.js';
import type { Table, TableRow } from '../table.js';

const networks = [
  { id: 'resnet18', name: 'ResNet-18' },
  { id: 'mobilenetv2', name: 'MobileNetV2' },
] as const;

const kinds = [
  { id: 'float', label: 'float' },
  { id: 'fixed', label: '4/4 bits, fixed' },
  { id: 'range', label: '4/4 bits, learned range' },
  { id: 'max', label: 'learned bits, W and max budget' },
  { id: 'free', label: 'learned bits, no budget' },
] as const;

export const imagenet: Table = {
  name: 'imagenet',
  title: 'ResNet-18 and MobileNetV2 on ImageNet',
  introduction:
    'Every quantized network starts from its float network. The budgets are the sizes with 4 bits for all weights (W) and ' +
    'for the largest activation (max). How the networks of the figure were trained was not published: ' +
    '`configs/train_imagenet.cfg` says what is chosen here.',
  published: publishedImagenet,
  variants: ['none'],
  rows: () =>
    networks.flatMap((network) =>
      kinds.map(
        ({ id, label }): TableRow => ({
          id: `${network.id}-${id}`,
          label,
          group: network.name,
          config: 'train_imagenet.cfg',
          section: `${network.id}_${id}`.toUpperCase(),
        }),
      ),
    ),
  floatRow: ({ id }) => id.replace(/-.*/, '-float'),
  claims: networks.flatMap(({ id }) => [
    { better: `${id}-range`, than: `${id}-fixed` },
    { better: `${id}-max`, than: `${id}-range` },
    { better: `${id}-free`, than: `${id}-float` },
  ]),
  curves: networks.map(({ id, name }) => ({ name: id, title: name, rows: kinds.map((kind) => `${id}-${kind.id}`) })),
  bitwidths: networks.map(({ id, name }) => ({
    name: id,
    title: `${name}, learned bits`,
    rows: [`${id}-max`, `${id}-free`],
  })),
  explainsGradients: false,
  full: { seeds: [0], settings: {} },
  // A trial of the pipeline, with small pictures of whatever images there are.
  quick: {
    seeds: [0],
    settings: { epochs: 2, warmup_epochs: 0, image_size: 64 },
    images: { batch_size: 16, limit_train: 240, validation_split: 40, limit_val: 80 },
  },
  out: 'reproduction-imagenet',
  publishedEpochs: null,
  images: { classes: 1000, side: 224 },
};
