/** U1, U2, U3 and P1, P2, P3 against each other: the paper's title, as an experiment. */

import { publishedParametrizations } from '../publishedResults.js';
import type { Table, TableRow } from '../table.js';
import { cifarDefaults } from './cifarDefaults.js';

const schemes = [
  { id: 'W', infix: 'WQ', name: 'weights' },
  { id: 'WA', infix: 'WAQ', name: 'weights and activations' },
] as const;

const variants = ['none', 'RLR', 'INIT', 'INIT_RLR', 'INIT_ADAM'];

const families = [
  {
    name: 'Uniform',
    config: 'train_resnet_quant_fp.cfg',
    prefix: 'PARAMETRIC_FP',
    variants,
    kinds: [
      { id: 'U1', section: 'DELTA_B', learned: 'bits and step' },
      { id: 'U2', section: 'B_XMAX', learned: 'bits and range' },
      { id: 'U3', section: 'DELTA_XMAX', learned: 'step and range' },
    ],
  },
  {
    name: 'Power-of-two',
    config: 'train_resnet_quant_pow2.cfg',
    prefix: 'PARAMETRIC_POW2',
    // Powers of two were not published with Adam.
    variants: variants.filter((variant) => variant !== 'INIT_ADAM'),
    kinds: [
      { id: 'P1', section: 'B_XMIN', learned: 'bits and smallest magnitude' },
      { id: 'P2', section: 'B_XMAX', learned: 'bits and range' },
      { id: 'P3', section: 'XMIN_XMAX', learned: 'smallest magnitude and range' },
    ],
  },
] as const;

const combinations = families.flatMap((family) => schemes.map((scheme) => ({ family, scheme })));
const pictures = combinations.map(({ family, scheme }) => ({
  name: `${family.name}-${scheme.id}`.toLowerCase(),
  title: `${family.name}, ${scheme.name}`,
  rows: family.kinds.map(({ id }) => `${id}-${scheme.id}`),
}));

export const parametrizations: Table = {
  name: 'parametrizations',
  title: 'Which two values of a quantizer to learn',
  introduction:
    'A quantizer is described by any two of three values. A network is trained with each choice, from the same start ' +
    '(fresh quantizers have a step of 1/8, as published) and without a budget: U1, U2 and U3 are the choices for ' +
    'uniform quantizers, P1, P2 and P3 those for powers of two.',
  published: publishedParametrizations,
  variants,
  rows: (variant) => [
    { id: 'float', label: 'float', group: 'Float', config: families[0].config, section: 'DEFAULT' },
    ...combinations
      .filter(({ family }) => family.variants.includes(variant))
      .flatMap(({ family, scheme }) =>
        family.kinds.map(
          ({ id, section, learned }): TableRow => ({
            id: `${id}-${scheme.id}`,
            label: `${id}: ${learned}`,
            group: `${family.name}, ${scheme.name}`,
            config: family.config,
            section: [family.prefix, scheme.infix, section, ...(variant === 'none' ? [] : [variant])].join('_'),
          }),
        ),
      ),
  ],
  floatRow: () => 'float',
  claims: combinations.flatMap(({ family, scheme }) => {
    const [first, second, best] = family.kinds.map(({ id }) => `${id}-${scheme.id}`) as [string, string, string];
    return [
      { better: best, than: first },
      { better: best, than: second },
    ];
  }),
  curves: pictures.map(({ rows, ...picture }) => ({ ...picture, rows: ['float', ...rows] })),
  bitwidths: pictures,
  explainsGradients: true,
  ...cifarDefaults,
};
