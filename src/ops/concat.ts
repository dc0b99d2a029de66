/** Concatenation of two tensors along their channels. */

import type { Graph } from '../graph/graph.js';
import { channelsOf, type Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { slice } from './slice.js';

const signature = { operands: { a: '[...S,C]', b: '[...S,D]' }, results: { y: '[...S,E]' } } as const;

export type Concat = Operation<typeof signature, NoAttributes>;

export const concatDefinition: Definition<Concat> = {
  op: 'concat',
  ...signature,
  sizes: ({ C, D }) => ({ E: C + D }),
  gradient: (graph, { operands: { a, b } }, { y: dy }) => {
    if (!dy) return {};
    const [before, behind] = [channelsOf(a), channelsOf(b)];
    return { a: slice(graph, dy, 0, before), b: slice(graph, dy, before, behind) };
  },
  onTheWay: true,
  values: 'joined',
  oneStep: true,
  compute: ({ a, b }, { y }, _attributes, { C, D, E }) => {
    for (let row = 0; row < y.length / E; row++) {
      y.set(a.subarray(row * C, row * C + C), row * E);
      y.set(b.subarray(row * D, row * D + D), row * E + C);
    }
  },
};

/**
 * Concatenates tensors [..., C] along their channels. Pairs are joined recursively by halves, so that few numbers are
 * moved often. If a quantizer follows, all operands share its step.
 */
export function concat(graph: Graph, tensors: readonly Tensor[]): Tensor {
  const [first, second] = tensors;
  if (!first) throw new Error('a concat of no tensors');
  if (!second) return first;
  const half = Math.ceil(tensors.length / 2);
  const [a, b] = [concat(graph, tensors.slice(0, half)), concat(graph, tensors.slice(half))];
  const y = graph.tensor(`concat(${a.name})`, resultShapes(concatDefinition, { a, b }, {}).y);
  graph.append('concat', { a, b }, { y }, {});
  return y;
}
