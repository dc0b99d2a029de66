/** Each channel of an image times a number of its own, as in squeeze and excite (arXiv 1709.01507). */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

const signature = { operands: { x: '[B,H,W,C]', factor: '[B,C]' }, results: { y: '[B,H,W,C]' } } as const;

export type MultiplyChannels = Operation<typeof signature, NoAttributes>;

export const multiplyChannelsDefinition: Definition<MultiplyChannels> = {
  op: 'multiplyChannels',
  ...signature,
  gradient: (graph, { operands: { x, factor } }, { y: dy }) => {
    if (!dy) return {};
    const [dx, dfactor] = [gradientLike(graph, x), gradientLike(graph, factor)];
    graph.append('multiplyChannelsGradient', { x, factor, dy }, { dx, dfactor }, {});
    return { x: dx, factor: dfactor };
  },
  overwrites: { y: ['x'] },
  onTheWay: false,
  values: 'new',
  compute: ({ x, factor }, { y }, _attributes, { H, W, C }) => {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! * factor[Math.floor(i / (H * W * C)) * C + (i % C)]!;
  },
};

const gradientSignature = {
  operands: { x: '[B,H,W,C]', factor: '[B,C]', dy: '[B,H,W,C]' },
  results: { dx: '[B,H,W,C]', dfactor: '[B,C]' },
} as const;

export type MultiplyChannelsGradient = Operation<typeof gradientSignature, NoAttributes>;

export const multiplyChannelsGradientDefinition: Definition<MultiplyChannelsGradient> = {
  op: 'multiplyChannelsGradient',
  ...gradientSignature,
  gradient: 'none',
  overwrites: { dx: ['dy', 'x'] },
  compute: ({ x, factor, dy }, { dx, dfactor }, _attributes, { H, W, C }) => {
    dfactor.fill(0);
    for (let i = 0; i < dx.length; i++) {
      const at = Math.floor(i / (H * W * C)) * C + (i % C);
      const [value, g] = [x[i]!, dy[i]!];
      dfactor[at]! += g * value;
      dx[i] = g * factor[at]!;
    }
  },
};

/** x [B,H,W,C] times factor [B,C]. */
export function multiplyChannels(graph: Graph, x: Tensor, factor: Tensor): Tensor {
  const y = graph.tensor(`scaled(${x.name})`, resultShapes(multiplyChannelsDefinition, { x, factor }, {}).y);
  graph.append('multiplyChannels', { x, factor }, { y }, {});
  return y;
}
