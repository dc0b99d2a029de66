/** Adds a learned number to each channel, behind a convolution without batch normalisation. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

const signature = { operands: { x: '[...S,C]', b: '[C]' }, results: { y: '[...S,C]' } } as const;

export type Bias = Operation<typeof signature, NoAttributes>;

export const biasDefinition: Definition<Bias> = {
  op: 'bias',
  ...signature,
  gradient: (graph, { operands: { b } }, { y: dy }) => {
    if (!dy) return {};
    const db = gradientLike(graph, b);
    graph.append('biasGradient', { dy }, { db }, {});
    return { x: dy, b: db };
  },
  overwrites: { y: ['x'] },
  onTheWay: true,
  values: 'new',
  compute: ({ x, b }, { y }, _attributes, { C }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! + b[i % C]!;
  },
};

const gradientSignature = { operands: { dy: '[...S,C]' }, results: { db: '[C]' } } as const;

export type BiasGradient = Operation<typeof gradientSignature, NoAttributes>;

export const biasGradientDefinition: Definition<BiasGradient> = {
  op: 'biasGradient',
  ...gradientSignature,
  gradient: 'none',
  compute: ({ dy }, { db }, _attributes, { C }) => {
    db.fill(0);
    for (let i = 0; i < dy.length; i++) db[i % C]! += dy[i]!;
  },
};

/** x [..., C] plus b [C]. */
export function bias(graph: Graph, x: Tensor, b: Tensor): Tensor {
  const y = graph.tensor(`bias(${x.name})`, resultShapes(biasDefinition, { x, b }, {}).y);
  graph.append('bias', { x, b }, { y }, {});
  return y;
}
