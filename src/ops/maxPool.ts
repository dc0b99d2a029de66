/**
 * Max pooling. Padding never wins; NaN always does (the last one of a window), or a diverged network would look
 * healthy.
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

/** The largest window: one byte holds the position of the maximum. */
const MOST_TAPS = 256;

/** Shape rule and check; a window with nothing but padding would have no maximum. */
const window: typeof sizedWindow = {
  ...sizedWindow,
  check: (attributes, sizes) => {
    const { rows, columns } = attributes;
    if (rows.size * columns.size > MOST_TAPS)
      return `a window of ${rows.size}×${columns.size}, right would be at most ${MOST_TAPS} pixels`;
    return sizedWindow.check(attributes, sizes);
  },
};

const signature = {
  operands: { x: '[B,H,W,C]' },
  /** `argmax`: position (row · columns + column) of the first maximum, or of the last NaN, in its window. */
  results: { y: '[B,Y,X,C]', argmax: 'uint8 [B,Y,X,C]?' },
} as const;

export type MaxPool = Operation<typeof signature, SizedWindow>;

export const maxPoolDefinition: Definition<MaxPool> = {
  op: 'maxPool',
  ...signature,
  ...window,
  gradient: (graph, { operands: { x }, results: { y, argmax }, attributes }, { y: dy }) => {
    if (!dy) return {};
    if (!argmax) throw new Error(`maxPool ${y.name}: its gradient needs the places of the maxima`);
    const dx = gradientLike(graph, x);
    graph.append('maxPoolGradient', { argmax, dy }, { dx }, attributes);
    return { x: dx };
  },
  onTheWay: false,
  values: 'kept',
  compute: ({ x }, { y, argmax }, attributes, sizes) => {
    const seen = new Uint8Array(y.length);
    forEachElement(sizes, attributes, (from, tap, to) => {
      const value = x[from]!;
      if (seen[to] && !(value > y[to]!) && !Number.isNaN(value)) return;
      seen[to] = 1;
      y[to] = value;
      if (argmax) argmax[to] = tap;
    });
  },
};

const gradientSignature = {
  operands: { argmax: 'uint8 [B,Y,X,C]', dy: '[B,Y,X,C]' },
  results: { dx: '[B,H,W,C]' },
} as const;

export type MaxPoolGradient = Operation<typeof gradientSignature, SizedWindow>;

export const maxPoolGradientDefinition: Definition<MaxPoolGradient> = {
  op: 'maxPoolGradient',
  ...gradientSignature,
  ...window,
  gradient: 'none',
  compute: ({ argmax, dy }, { dx }, attributes, sizes) => {
    dx.fill(0);
    forEachElement(sizes, attributes, (from, tap, to) => {
      if (tap === argmax[to]) dx[from]! += dy[to]!;
    });
  },
};

/** The maximum of each window. `withArgmax`: also stores the positions of the maxima, a byte each, for the gradient. */
export function maxPool(graph: Graph, x: Tensor, options: SizedWindowOptions, withArgmax: boolean): Tensor {
  const window = sizedWindowOf(options, x.shape);
  const shapes = resultShapes(maxPoolDefinition, { x }, window);
  const y = graph.tensor(`max(${x.name})`, shapes.y);
  const argmax = withArgmax ? graph.tensor(`argmax(${x.name})`, shapes.argmax, null, 'uint8') : null;
  graph.append('maxPool', { x }, { y, argmax }, window);
  return y;
}

/** Calls `visit` with the indices of the elements that share a window, row by row, and the position in the window. */
function forEachElement(
  sizes: PooledSizes & { readonly C: number },
  window: SizedWindow,
  visit: (from: number, tap: number, to: number) => void,
): void {
  const { C } = sizes;
  forEachSizedTap(sizes, window, (inputPixel, tap, outputPixel) => {
    for (let c = 0; c < C; c++) visit(inputPixel * C + c, tap, outputPixel * C + c);
  });
}
