/** A copy of a tensor, for gradients that are written to two places. */

import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';

const signature = { operands: { x: '[...S]' }, results: { y: '[...S]' } } as const;

export type Copy = Operation<typeof signature, NoAttributes>;

export const copyDefinition: Definition<Copy> = {
  op: 'copy',
  ...signature,
  gradient: (_graph, _node, { y: dy }) => ({ x: dy }),
  onTheWay: true,
  values: 'kept',
  compute: ({ x }, { y }) => y.set(x),
};
