/** Consecutive channels of a tensor. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

interface Channels {
  readonly first: number;
  readonly channels: number;
}

const signature = { operands: { x: '[...S,C]' }, results: { y: '[...S,D]' } } as const;

export type Slice = Operation<typeof signature, Channels>;

const rule = {
  sizes: (_sizes: object, { channels }: Channels) => ({ D: channels }),
  check: ({ first, channels }: Channels, { C }: { readonly C: number }) => {
    const isInside = Number.isInteger(first) && first >= 0 && channels >= 1 && first + channels <= C;
    return isInside ? null : `${channels} channels from ${first} on, right would be some of ${C}`;
  },
};

export const sliceDefinition: Definition<Slice> = {
  op: 'slice',
  ...signature,
  ...rule,
  gradient: (graph, { operands: { x }, attributes }, { y: dy }) => {
    if (!dy) return {};
    const dx = gradientLike(graph, x);
    graph.append('sliceGradient', { dy, addend: null }, { dx }, attributes);
    return { x: dx };
  },
  onTheWay: true,
  values: 'kept',
  compute: ({ x }, { y }, { first }, { C, D }) => {
    for (let row = 0; row < y.length / D; row++) {
      y.set(x.subarray(row * C + first, row * C + first + D), row * D);
    }
  },
};

const gradientSignature = {
  operands: { dy: '[...S,D]', addend: '[...S,C]?' },
  /** Gradient with respect to x, zero for channels that were not taken, plus the addend. */
  results: { dx: '[...S,C]' },
} as const;

export type SliceGradient = Operation<typeof gradientSignature, Channels>;

export const sliceGradientDefinition: Definition<SliceGradient> = {
  op: 'sliceGradient',
  ...gradientSignature,
  ...rule,
  gradient: 'none',
  overwrites: { dx: ['addend'] },
  addend: 'addend',
  compute: ({ dy, addend }, { dx }, { first }, { C, D }) => {
    if (addend) dx.set(addend);
    else dx.fill(0);
    for (let i = 0; i < dy.length; i++) dx[Math.floor(i / D) * C + first + (i % D)]! += dy[i]!;
  },
};

/** Channels `first` … `first + channels − 1` of x [..., C]. */
export function slice(graph: Graph, x: Tensor, first: number, channels: number): Tensor {
  const attributes = { first, channels };
  const y = graph.tensor(`slice(${x.name})`, resultShapes(sliceDefinition, { x }, attributes).y);
  graph.append('slice', { x }, { y }, attributes);
  return y;
}
