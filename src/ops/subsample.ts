/** The shortcut of residual networks without parameters: every s-th pixel, padded with zero channels. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

interface Subsampling {
  readonly stride: number;
  readonly extraChannels: number;
  /** Channels of x that have gradients, those that are filled not; all by default. */
  readonly learning?: number;
}

const signature = { operands: { x: '[B,H,W,C]' }, results: { y: '[B,Y,X,D]' } } as const;
const gradientSignature = { operands: { dy: '[B,Y,X,D]' }, results: { dx: '[B,H,W,C]' } } as const;

export type Subsample = Operation<typeof signature, Subsampling>;
export type SubsampleGradient = Operation<typeof gradientSignature, Subsampling>;

const sampling = {
  sizes: (
    { H, W, C }: { readonly H: number; readonly W: number; readonly C: number },
    { stride, extraChannels }: Subsampling,
  ) => ({ Y: Math.ceil(H / stride), X: Math.ceil(W / stride), D: C + extraChannels }),
  check: ({ stride, extraChannels }: Subsampling) => {
    if (!(Number.isInteger(stride) && stride >= 1)) return `stride ${stride}, right would be a whole number from 1 on`;
    if (Number.isInteger(extraChannels) && extraChannels >= 0) return null;
    return `${extraChannels} extra channels, right would be a whole number from 0 on`;
  },
};

export const subsampleDefinition: Definition<Subsample> = {
  op: 'subsample',
  ...signature,
  ...sampling,
  gradient: (graph, { operands: { x }, attributes }, { y: dy }) => {
    if (!dy) return {};
    const dx = gradientLike(graph, x);
    graph.append('subsampleGradient', { dy }, { dx }, attributes);
    return { x: dx };
  },
  onTheWay: true,
  values: 'kept',
  compute: ({ x }, { y }, { stride }, sizes) => {
    y.fill(0);
    forEachSample(sizes, stride, (from, to) => {
      y[to] = x[from]!;
    });
  },
};

export const subsampleGradientDefinition: Definition<SubsampleGradient> = {
  op: 'subsampleGradient',
  ...gradientSignature,
  ...sampling,
  gradient: 'none',
  compute: ({ dy }, { dx }, { stride, learning = Number.POSITIVE_INFINITY }, sizes) => {
    dx.fill(0);
    forEachSample(sizes, stride, (from, to) => {
      if (from % sizes.C < learning) dx[from] = dy[to]!;
    });
  },
};

/** Every `stride`-th pixel, with `extraChannels` zero channels appended. */
export function subsample(graph: Graph, x: Tensor, stride: number, extraChannels: number): Tensor {
  const attributes = { stride, extraChannels };
  const y = graph.tensor(`subsample(${x.name})`, resultShapes(subsampleDefinition, { x }, attributes).y);
  graph.append('subsample', { x }, { y }, attributes);
  return y;
}

type SampledSizes = Readonly<Record<'B' | 'H' | 'W' | 'C' | 'Y' | 'X' | 'D', number>>;

/** Calls `visit` with the index of each kept element, in the full and in the subsampled tensor. */
function forEachSample(
  { B, H, W, C, Y, X, D }: SampledSizes,
  stride: number,
  visit: (from: number, to: number) => void,
): void {
  for (let n = 0; n < B; n++) {
    for (let h = 0; h < Y; h++) {
      for (let w = 0; w < X; w++) {
        const from = ((n * H + h * stride) * W + w * stride) * C;
        const to = ((n * Y + h) * X + w) * D;
        for (let c = 0; c < C; c++) visit(from + c, to + c);
      }
    }
  }
}
