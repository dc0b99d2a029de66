/** The mean over all pixels before a classifier: [B,H,W,C] becomes [B,C]. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

const signature = { operands: { x: '[B,H,W,C]' }, results: { y: '[B,C]' } } as const;

export type GlobalAveragePool = Operation<typeof signature, NoAttributes>;

export const globalAveragePoolDefinition: Definition<GlobalAveragePool> = {
  op: 'globalAveragePool',
  ...signature,
  gradient: (graph, { operands: { x } }, { y: dy }) => {
    if (!dy) return {};
    const dx = gradientLike(graph, x);
    graph.append('globalAveragePoolGradient', { dy }, { dx }, {});
    return { x: dx };
  },
  onTheWay: false,
  values: 'new',
  compute: ({ x }, { y }, _attributes, { H, W, C }) => {
    const pixels = H * W;
    y.fill(0);
    for (let i = 0; i < x.length; i++) y[pooledIndex(i, pixels, C)]! += x[i]!;
    for (let i = 0; i < y.length; i++) y[i]! /= pixels;
  },
};

const gradientSignature = { operands: { dy: '[B,C]' }, results: { dx: '[B,H,W,C]' } } as const;

export type GlobalAveragePoolGradient = Operation<typeof gradientSignature, NoAttributes>;

export const globalAveragePoolGradientDefinition: Definition<GlobalAveragePoolGradient> = {
  op: 'globalAveragePoolGradient',
  ...gradientSignature,
  gradient: 'none',
  compute: ({ dy }, { dx }, _attributes, { H, W, C }) => {
    const pixels = H * W;
    for (let i = 0; i < dx.length; i++) dx[i] = dy[pooledIndex(i, pixels, C)]! / pixels;
  },
};

export function globalAveragePool(graph: Graph, x: Tensor): Tensor {
  const y = graph.tensor(`mean(${x.name})`, resultShapes(globalAveragePoolDefinition, { x }, {}).y);
  graph.append('globalAveragePool', { x }, { y }, {});
  return y;
}

function pooledIndex(i: number, pixels: number, channels: number): number {
  return Math.floor(i / (pixels * channels)) * channels + (i % channels);
}
