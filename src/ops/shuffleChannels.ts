/**
 * Takes channels from groups in turn, the first of each, then the second of each (ShuffleNet, arXiv 1707.01083):
 * channel i·groups + g of the result is channel g·C/groups + i.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';

const signature = { operands: { x: '[...S,C]' }, results: { y: '[...S,C]' } } as const;

export type ShuffleChannels = Operation<typeof signature, { readonly groups: number }>;

export const shuffleChannelsDefinition: Definition<ShuffleChannels> = {
  op: 'shuffleChannels',
  ...signature,
  check: ({ groups }, { C }) => groupsFault(groups, C),
  gradient: (graph, { operands: { x }, attributes: { groups } }, { y: dy }) =>
    dy ? { x: shuffleChannels(graph, dy, x.shape.at(-1)! / groups) } : {},
  onTheWay: true,
  values: 'kept',
  compute: ({ x }, { y }, { groups }, { C }) => {
    const size = C / groups;
    for (let i = 0; i < y.length; i++) {
      const c = i % C;
      y[i] = x[i - c + (c % groups) * size + Math.floor(c / groups)]!;
    }
  },
};

/** The channels of x [..., C], taken from `groups` groups in turn. */
export function shuffleChannels(graph: Graph, x: Tensor, groups: number): Tensor {
  const y = graph.tensor(`shuffle(${x.name})`, resultShapes(shuffleChannelsDefinition, { x }, { groups }).y);
  graph.append('shuffleChannels', { x }, { y }, { groups });
  return y;
}

/** The error of splitting C channels into groups; null for none. */
export function groupsFault(groups: number, C: number): string | null {
  if (Number.isInteger(groups) && groups >= 1 && C % groups === 0) return null;
  return `${groups} groups of ${C} channels, right would be a number that divides them`;
}
