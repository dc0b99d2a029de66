/**
 * Average pooling. By default padding is not counted: a window at the border is the mean of the pixels inside the
 * image, so that padding does not darken the border (ONNX's `count_include_pad` = 0; PyTorch's default is 1).
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';
import {
  forEachTap,
  type SizedWindow,
  type SizedWindowOptions,
  sizedWindow,
  sizedWindowOf,
  type WindowSizes,
} from './window.js';

export interface AverageOptions extends SizedWindowOptions {
  /** True to count padding as zeros; false by default. */
  readonly countsPadding?: boolean;
}

interface AverageWindow extends SizedWindow {
  readonly countsPadding: boolean;
}

const signature = { operands: { x: '[B,H,W,C]' }, results: { y: '[B,Y,X,C]' } } as const;

export type AveragePool = Operation<typeof signature, AverageWindow>;

export const averagePoolDefinition: Definition<AveragePool> = {
  op: 'averagePool',
  ...signature,
  ...sizedWindow,
  gradient: (graph, { operands: { x }, attributes }, { y: dy }) => {
    if (!dy) return {};
    const dx = gradientLike(graph, x);
    graph.append('averagePoolGradient', { dy }, { dx }, attributes);
    return { x: dx };
  },
  onTheWay: false,
  values: 'new',
  compute: ({ x }, { y }, attributes, sizes) => {
    const { C } = sizes;
    y.fill(0);
    forEachShare(sizes, attributes, (inputPixel, outputPixel, share) => {
      for (let c = 0; c < C; c++) y[outputPixel * C + c]! += share * x[inputPixel * C + c]!;
    });
  },
};

const gradientSignature = { operands: { dy: '[B,Y,X,C]' }, results: { dx: '[B,H,W,C]' } } as const;

export type AveragePoolGradient = Operation<typeof gradientSignature, AverageWindow>;

export const averagePoolGradientDefinition: Definition<AveragePoolGradient> = {
  op: 'averagePoolGradient',
  ...gradientSignature,
  ...sizedWindow,
  gradient: 'none',
  compute: ({ dy }, { dx }, attributes, sizes) => {
    const { C } = sizes;
    dx.fill(0);
    forEachShare(sizes, attributes, (inputPixel, outputPixel, share) => {
      for (let c = 0; c < C; c++) dx[inputPixel * C + c]! += share * dy[outputPixel * C + c]!;
    });
  },
};

/** The mean of each window. */
export function averagePool(graph: Graph, x: Tensor, options: AverageOptions): Tensor {
  const window = { ...sizedWindowOf(options, x.shape), countsPadding: options.countsPadding ?? false };
  const y = graph.tensor(`average(${x.name})`, resultShapes(averagePoolDefinition, { x }, window).y);
  graph.append('averagePool', { x }, { y }, window);
  return y;
}

/**
 * Calls `visit` with each pair of an input and an output pixel that share a window, and the input's weight in the mean.
 */
function forEachShare(
  sizes: Omit<WindowSizes, 'K' | 'L'>,
  window: AverageWindow,
  visit: (inputPixel: number, outputPixel: number, share: number) => void,
): void {
  const taps = { ...sizes, K: window.rows.size, L: window.columns.size };
  const counted = new Int32Array(sizes.B * sizes.Y * sizes.X).fill(window.countsPadding ? taps.K * taps.L : 0);
  if (!window.countsPadding) {
    forEachTap(taps, window, (_inputPixel, _tap, outputPixel) => {
      counted[outputPixel]!++;
    });
  }
  forEachTap(taps, window, (inputPixel, _tap, outputPixel) =>
    visit(inputPixel, outputPixel, 1 / counted[outputPixel]!),
  );
}
