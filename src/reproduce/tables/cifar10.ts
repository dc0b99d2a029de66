/** The paper's table of ResNet-20 on CIFAR-10: from fixed bits to learned bits under a budget. */

import { publishedCifar10 } from '../publishedResults.js';
import type { Table, TableRow } from '../table.js';
import { cifarDefaults } from './cifarDefaults.js';

const families = [
  { id: 'uniform', name: 'Uniform', config: 'train_resnet_quant_fp.cfg', kind: 'FP', learned: 'DELTA_XMAX' },
  { id: 'pow2', name: 'Power-of-two', config: 'train_resnet_quant_pow2.cfg', kind: 'POW2', learned: 'XMIN_XMAX' },
] as const;

const kinds = [
  { id: '2/32-fixed', label: '2/32 bits, fixed' },
  { id: '2/32-range', label: '2/32 bits, learned range' },
  { id: 'weights', label: 'learned bits, W budget' },
  { id: '2/4-fixed', label: '2/4 bits, fixed' },
  { id: '2/4-range', label: '2/4 bits, learned range' },
  { id: 'sum', label: 'learned bits, W and sum budget' },
  { id: 'max', label: 'learned bits, W and max budget' },
] as const;

type Kind = (typeof kinds)[number]['id'];

function section({ kind, learned }: (typeof families)[number], id: Kind, variant: string): string {
  switch (id) {
    case '2/32-fixed':
      return `${kind}_W2Q_${variant}`;
    case '2/4-fixed':
      return `${kind}_W2A4Q_${variant}`;
    case '2/32-range':
      return `PARAMETRIC_${kind}_W2Q_B_XMAX_CON_${variant}`;
    case '2/4-range':
      return `PARAMETRIC_${kind}_W2A4Q_B_XMAX_CON_${variant}`;
    case 'weights':
      return `PARAMETRIC_${kind}_WQ_${learned}_CON_${variant}`;
    case 'sum':
      return `PARAMETRIC_${kind}_WASQ_${learned}_CON_${variant}`;
    case 'max':
      return `PARAMETRIC_${kind}_WAMQ_${learned}_CON_${variant}`;
    default:
      return id satisfies never;
  }
}

export const cifar10: Table = {
  name: 'cifar10',
  title: 'From fixed bits to learned bits under a budget',
  introduction:
    'Every quantized network starts from the float network. Limits of a budget are 70.1 kB for the weights, 8.1 kB for the ' +
    'largest activation or 92.1 kB for the sum of all, chosen for ResNet-20 on CIFAR-10, which needs 1048 kB, 64 kB and ' +
    '736 kB in float. 2/4 bits are 2 for the weights (W) and 4 for the activations, 32 is float; sum and max are of the activations.',
  published: publishedCifar10,
  variants: ['INIT_RLR', 'INIT', 'INIT_RRLR'],
  rows: (variant) => [
    { id: 'float', label: 'float', group: 'Float', config: families[0].config, section: 'DEFAULT' },
    ...families.flatMap((family) =>
      kinds.map(
        ({ id, label }): TableRow => ({
          id: `${family.id}-${id}`,
          label,
          group: family.name,
          config: family.config,
          section: section(family, id, variant),
        }),
      ),
    ),
  ],
  floatRow: () => 'float',
  claims: families.flatMap(({ id }) => [
    { better: `${id}-2/32-range`, than: `${id}-2/32-fixed` },
    { better: `${id}-weights`, than: `${id}-2/32-range` },
    { better: `${id}-2/4-range`, than: `${id}-2/4-fixed` },
    { better: `${id}-max`, than: `${id}-2/4-range` },
  ]),
  curves: families.map(({ id, name }) => ({
    name: id,
    title: name,
    rows: ['float', ...kinds.map((kind) => `${id}-${kind.id}`)],
  })),
  bitwidths: families.map(({ id, name }) => ({
    name: id,
    title: `${name}, under a budget`,
    rows: [`${id}-weights`, `${id}-sum`, `${id}-max`],
  })),
  explainsGradients: false,
  ...cifarDefaults,
};
