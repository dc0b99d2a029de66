/**
 * An image as a row of features, and back. Features are in NHWC order: feature (h·W + w)·C + c. PyTorch's order is (c·H
 * + h)·W + w, so the weights of a linear layer behind its `flatten` have permuted inputs.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { NoAttributes } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';

const signature = { operands: { x: '[B,H,W,C]' }, results: { y: '[B,F]' } } as const;

export type Flatten = Operation<typeof signature, NoAttributes>;

export const flattenDefinition: Definition<Flatten> = {
  op: 'flatten',
  ...signature,
  sizes: ({ H, W, C }) => ({ F: H * W * C }),
  gradient: (graph, { operands: { x } }, { y: dy }) => {
    const [, H, W, C] = x.shape;
    return dy ? { x: unflatten(graph, dy, [H!, W!, C!]) } : {};
  },
  overwrites: { y: ['x'] },
  onTheWay: true,
  values: 'kept',
  compute: ({ x }, { y }) => y.set(x),
};

interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

const imageSignature = { operands: { x: '[B,F]' }, results: { y: '[B,H,W,C]' } } as const;

export type Unflatten = Operation<typeof imageSignature, ImageShape>;

export const unflattenDefinition: Definition<Unflatten> = {
  op: 'unflatten',
  ...imageSignature,
  sizes: (_sizes, { height, width, channels }) => ({ H: height, W: width, C: channels }),
  check: ({ height, width, channels }, { F }) =>
    height * width * channels === F ? null : `${height}×${width}×${channels} of ${F} features, right would be all`,
  gradient: (graph, _node, { y: dy }) => (dy ? { x: flatten(graph, dy) } : {}),
  overwrites: { y: ['x'] },
  onTheWay: true,
  values: 'kept',
  compute: ({ x }, { y }) => y.set(x),
};

/** x [B,H,W,C] as [B, H·W·C]. */
export function flatten(graph: Graph, x: Tensor): Tensor {
  const y = graph.tensor(`flat(${x.name})`, resultShapes(flattenDefinition, { x }, {}).y);
  graph.append('flatten', { x }, { y }, {});
  return y;
}

/**
 * x [B, H·W·C] as [B,H,W,C]. Features as [B,1,1,F] can go through a 1×1 convolution, which gives the moments that batch
 * normalisation needs.
 */
export function unflatten(
  graph: Graph,
  x: Tensor,
  [height, width, channels]: readonly [height: number, width: number, channels: number],
): Tensor {
  const attributes = { height, width, channels };
  const y = graph.tensor(`image(${x.name})`, resultShapes(unflattenDefinition, { x }, attributes).y);
  graph.append('unflatten', { x }, { y }, attributes);
  return y;
}
