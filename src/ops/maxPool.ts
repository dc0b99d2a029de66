/**
 * The maximum over windows, behind a stem. Pixels outside the image never win; NaN always does, the last one of a window:
 * a network that has diverged would look healthy otherwise.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';
import { type SquareWindow, squareWindow, type WindowSizes, windowSeesImage } from './window.js';

/** A byte says where in a window the maximum lies. */
const LARGEST_WINDOW = 16;

/** Shape rule and check; a window that saw nothing but padding would have no maximum. */
const window: typeof squareWindow = {
  ...squareWindow,
  check: (attributes, sizes) => {
    const { size } = attributes;
    if (size > LARGEST_WINDOW)
      return `a window of ${size}×${size}, right would be at most ${LARGEST_WINDOW}×${LARGEST_WINDOW}`;
    return windowSeesImage(attributes) ?? squareWindow.check(attributes, sizes);
  },
};

const signature = {
  operands: { x: '[B,H,W,C]' },
  /** `argmax`: where in its window the first maximum, or the last NaN, lies, row · size + column. */
  results: { y: '[B,Y,X,C]', argmax: 'uint8 [B,Y,X,C]?' },
} as const;

export type MaxPool = Operation<typeof signature, SquareWindow>;

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
    forEachWindow(sizes, attributes, (places, to) => {
      const isNew = (value: number, best: number) => value > best || Number.isNaN(value);
      const best = places.reduce((first, place) => (isNew(x[place.from]!, x[first.from]!) ? place : first));
      y[to] = x[best.from]!;
      if (argmax) argmax[to] = best.tap;
    });
  },
};

const gradientSignature = {
  operands: { argmax: 'uint8 [B,Y,X,C]', dy: '[B,Y,X,C]' },
  results: { dx: '[B,H,W,C]' },
} as const;

export type MaxPoolGradient = Operation<typeof gradientSignature, SquareWindow>;

export const maxPoolGradientDefinition: Definition<MaxPoolGradient> = {
  op: 'maxPoolGradient',
  ...gradientSignature,
  ...window,
  gradient: 'none',
  compute: ({ argmax, dy }, { dx }, attributes, sizes) => {
    dx.fill(0);
    forEachWindow(sizes, attributes, (places, to) => {
      for (const { from, tap } of places) if (tap === argmax[to]) dx[from]! += dy[to]!;
    });
  },
};

/** `withArgmax`: also note where the maxima lie, in a byte each, which is all that the gradient needs. */
export function maxPool(graph: Graph, x: Tensor, options: SquareWindow, withArgmax: boolean): Tensor {
  const shapes = resultShapes(maxPoolDefinition, { x }, options);
  const y = graph.tensor(`max(${x.name})`, shapes.y);
  const argmax = withArgmax ? graph.tensor(`argmax(${x.name})`, shapes.argmax, null, 'uint8') : null;
  graph.append('maxPool', { x }, { y, argmax }, options);
  return y;
}

/** Calls `visit` with each window's elements, row by row (index, and place in the window), and the output's index. */
function forEachWindow(
  { B, H, W, Y, X, C }: Omit<WindowSizes, 'K' | 'L'> & { readonly C: number },
  { size, stride, padding }: SquareWindow,
  visit: (places: readonly { readonly from: number; readonly tap: number }[], to: number) => void,
): void {
  let to = 0;
  for (let n = 0; n < B; n++) {
    for (let oy = 0; oy < Y; oy++) {
      for (let ox = 0; ox < X; ox++) {
        for (let c = 0; c < C; c++) {
          const places: { from: number; tap: number }[] = [];
          for (let tap = 0; tap < size * size; tap++) {
            const [iy, ix] = [oy * stride - padding + Math.floor(tap / size), ox * stride - padding + (tap % size)];
            const isInside = iy >= 0 && iy < H && ix >= 0 && ix < W;
            if (isInside) places.push({ from: ((n * H + iy) * W + ix) * C + c, tap });
          }
          visit(places, to++);
        }
      }
    }
  }
}
