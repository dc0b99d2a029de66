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
  forEachSizedTap,
  type PooledSizes,
  type SizedWindow,
  type SizedWindowOptions,
  sizedWindow,
  sizedWindowOf,
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
    const counts = pixelCounts(sizes, attributes);
    y.fill(0);
    forEachSizedTap(sizes, attributes, (inputPixel, _tap, outputPixel) => {
      for (let c = 0; c < C; c++) y[outputPixel * C + c]! += x[inputPixel * C + c]!;
    });
    for (let i = 0; i < y.length; i++) y[i]! /= counts[Math.floor(i / C)]!;
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
    const counts = pixelCounts(sizes, attributes);
    dx.fill(0);
    forEachSizedTap(sizes, attributes, (inputPixel, _tap, outputPixel) => {
      for (let c = 0; c < C; c++) dx[inputPixel * C + c]! += dy[outputPixel * C + c]! / counts[outputPixel]!;
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

/** The number of pixels by which the sum of each window is divided, in the order of the output pixels. */
function pixelCounts(sizes: PooledSizes, window: AverageWindow): Int32Array {
  const { countsPadding, rows, columns } = window;
  const counts = new Int32Array(sizes.B * sizes.Y * sizes.X);
  if (countsPadding) return counts.fill(rows.size * columns.size);
  forEachSizedTap(sizes, window, (_inputPixel, _tap, outputPixel) => {
    counts[outputPixel]!++;
  });
  return counts;
}
