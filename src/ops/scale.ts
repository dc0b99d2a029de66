/** A tensor times one learned number. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

const signature = { operands: { x: '[...S]', factor: '[...F]' }, results: { y: '[...S]' } } as const;

export type Scale = Operation<typeof signature, NoAttributes>;

export const scaleDefinition: Definition<Scale> = {
  op: 'scale',
  ...signature,
  gradient: (graph, { operands: { x, factor } }, { y: dy }) => {
    if (!dy) return {};
    const [dx, dfactor] = [gradientLike(graph, x), gradientLike(graph, factor)];
    graph.append('scaleGradient', { x, factor, dy }, { dx, dfactor }, {});
    return { x: dx, factor: dfactor };
  },
  check: (_, { F }) => oneElement(F),
  overwrites: { y: ['x'] },
  onTheWay: true,
  values: 'new',
  compute: ({ x, factor }, { y }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! * factor[0]!;
  },
};

const gradientSignature = {
  operands: { x: '[...S]', factor: '[...F]', dy: '[...S]' },
  results: { dx: '[...S]', dfactor: '[...F]' },
} as const;

export type ScaleGradient = Operation<typeof gradientSignature, NoAttributes>;

export const scaleGradientDefinition: Definition<ScaleGradient> = {
  op: 'scaleGradient',
  ...gradientSignature,
  gradient: 'none',
  check: (_, { F }) => oneElement(F),
  overwrites: { dx: ['dy'] },
  compute: ({ x, factor, dy }, { dx, dfactor }) => {
    const by = factor[0]!;
    let sum = 0;
    for (let i = 0; i < dx.length; i++) {
      const g = dy[i]!;
      sum += g * x[i]!;
      dx[i] = g * by;
    }
    dfactor[0] = sum;
  },
};

/** The error of a factor with more than one element, of whatever shape (the published one is [1, 1]); null for none. */
function oneElement(elements: number): string | null {
  return elements === 1 ? null : `its factor has ${elements} elements, right would be 1`;
}

/** y = factor·x, with a factor of one element. */
export function scale(graph: Graph, x: Tensor, factor: Tensor): Tensor {
  const y = graph.tensor(`scale(${x.name})`, resultShapes(scaleDefinition, { x, factor }, {}).y);
  graph.append('scale', { x, factor }, { y }, {});
  return y;
}
