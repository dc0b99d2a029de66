/** The sum of two tensors of one shape. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';

const signature = { operands: { a: '[...S]', b: '[...S]' }, results: { y: '[...S]' } } as const;

export type Add = Operation<typeof signature, NoAttributes>;

export const addDefinition: Definition<Add> = {
  op: 'add',
  ...signature,
  gradient: (_graph, _node, { y: dy }) => ({ a: dy, b: dy }),
  overwrites: { y: ['a', 'b'] },
  onTheWay: true,
  values: 'new',
  oneStep: true,
  compute: ({ a, b }, { y }) => {
    for (let i = 0; i < y.length; i++) y[i] = a[i]! + b[i]!;
  },
};

export function add(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const y = graph.tensor(`sum(${a.name})`, resultShapes(addDefinition, { a, b }, {}).y);
  graph.append('add', { a, b }, { y }, {});
  return y;
}
