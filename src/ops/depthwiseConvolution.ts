/**
 * Depthwise 2-D convolution: each channel has its own filter. Separate from convolution, since it is bound by memory
 * and not by arithmetic.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { type ConvolutionResult, momentsOf } from './moments.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';
import { forEachTap, slidingWindow, type Window, type WindowOptions, windowOf } from './window.js';

const signature = {
  operands: { x: '[B,H,W,C]', w: '[K,L,C]' },
  /** `moments`: mean and biased variance of every channel of y. */
  results: { y: '[B,Y,X,C]', moments: '[2,C]?' },
} as const;

export type DepthwiseConv2d = Operation<typeof signature, Window>;

export const depthwiseConv2dDefinition: Definition<DepthwiseConv2d> = {
  op: 'depthwiseConv2d',
  ...signature,
  ...slidingWindow,
  gradient: (graph, { operands: { x, w }, attributes }, { y: dy }) => {
    if (!dy) return {};
    const [dw, dx] = [gradientLike(graph, w), gradientLike(graph, x)];
    graph.append('depthwiseConv2dWeightGradient', { x, dy }, { dw }, attributes);
    graph.append('depthwiseConv2dInputGradient', { dy, w, addend: null }, { dx }, attributes);
    return { x: dx, w: dw };
  },
  product: ['y', 'w'],
  onTheWay: false,
  values: 'new',
  compute: ({ x, w }, { y, moments }, window, sizes) => {
    const { C } = sizes;
    y.fill(0);
    forEachTap(sizes, window, (inputPixel, tap, outputPixel) => {
      addProducts(y, outputPixel * C, x, inputPixel * C, w, tap * C, C);
    });
    if (moments) momentsOf(y, C, moments);
  },
};

const inputGradientSignature = {
  operands: { dy: '[B,Y,X,C]', w: '[K,L,C]', addend: '[B,H,W,C]?' },
  /** Gradient with respect to x, plus the addend. */
  results: { dx: '[B,H,W,C]' },
} as const;

export type DepthwiseConv2dInputGradient = Operation<typeof inputGradientSignature, Window>;

export const depthwiseConv2dInputGradientDefinition: Definition<DepthwiseConv2dInputGradient> = {
  op: 'depthwiseConv2dInputGradient',
  ...inputGradientSignature,
  ...slidingWindow,
  gradient: 'none',
  overwrites: { dx: ['addend'] },
  addend: 'addend',
  product: ['dy', 'w'],
  compute: ({ dy, w, addend }, { dx }, window, sizes) => {
    const { C } = sizes;
    if (addend) dx.set(addend);
    else dx.fill(0);
    forEachTap(sizes, window, (inputPixel, tap, outputPixel) => {
      addProducts(dx, inputPixel * C, dy, outputPixel * C, w, tap * C, C);
    });
  },
};

const weightGradientSignature = {
  operands: { x: '[B,H,W,C]', dy: '[B,Y,X,C]' },
  results: { dw: '[K,L,C]' },
} as const;

export type DepthwiseConv2dWeightGradient = Operation<typeof weightGradientSignature, Window>;

export const depthwiseConv2dWeightGradientDefinition: Definition<DepthwiseConv2dWeightGradient> = {
  op: 'depthwiseConv2dWeightGradient',
  ...weightGradientSignature,
  ...slidingWindow,
  gradient: 'none',
  product: ['dy', 'dw'],
  compute: ({ x, dy }, { dw }, window, sizes) => {
    const { C } = sizes;
    dw.fill(0);
    forEachTap(sizes, window, (inputPixel, tap, outputPixel) => {
      addProducts(dw, tap * C, x, inputPixel * C, dy, outputPixel * C, C);
    });
  },
};

/**
 * A depthwise convolution of x [B,H,W,C] with w [kh,kw,C]. `withMoments`: also computes mean and biased variance of
 * every channel, [2, C], in the same pass.
 */
export function depthwiseConv2d(
  graph: Graph,
  x: Tensor,
  w: Tensor,
  options: WindowOptions,
  withMoments: boolean,
): ConvolutionResult {
  const window = windowOf(options, x.shape, w.shape);
  const shapes = resultShapes(depthwiseConv2dDefinition, { x, w }, window);
  const y = graph.tensor(`depthwise(${w.name})`, shapes.y);
  const moments = withMoments ? graph.tensor(`moments(${w.name})`, shapes.moments) : null;
  graph.append('depthwiseConv2d', { x, w }, { y, moments }, window);
  return { y, moments };
}

/** sum += a · b, element by element. */
function addProducts(
  sum: Float64Array,
  sumStart: number,
  a: Float64Array,
  aStart: number,
  b: Float64Array,
  bStart: number,
  count: number,
): void {
  for (let c = 0; c < count; c++) sum[sumStart + c]! += a[aStart + c]! * b[bStart + c]!;
}
