/**
 * Grouped convolution: the channels of x and of y are split into groups, and a group of y depends on the same group of
 * x only. With a group for each channel use the depthwise convolution, which is an operation of its own.
 */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import type { Definition, Operation } from './definition.js';
import { type ConvolutionResult, momentsOf } from './moments.js';
import { resultShapes } from './shapes.js';
import { groupsFault } from './shuffleChannels.js';
import { gradientLike } from './tensors.js';
import { forEachTap, slidingWindow, type Window, type WindowOptions, windowOf } from './window.js';

interface GroupedWindow extends Window {
  readonly groups: number;
}

const signature = {
  operands: { x: '[B,H,W,I]', w: '[K,L,J,O]' },
  /** `moments`: mean and biased variance of every channel of y. */
  results: { y: '[B,Y,X,O]', moments: '[2,O]?' },
} as const;

export type GroupedConv2d = Operation<typeof signature, GroupedWindow>;

type Sizes = Parameters<typeof slidingWindow.check>[1] & Readonly<Record<'I' | 'J' | 'O', number>>;

/** Shape rule and check. */
const rule = {
  sizes: slidingWindow.sizes,
  check: (window: GroupedWindow, sizes: Sizes): string | null => {
    const { groups } = window;
    const { I, J, O } = sizes;
    const fault = groupsFault(groups, I) ?? groupsFault(groups, O) ?? slidingWindow.check(window, sizes);
    if (fault || J * groups === I) return fault;
    return `a filter for ${J} channels, right would be ${I / groups} of ${I} in ${groups} groups`;
  },
};

export const groupedConv2dDefinition: Definition<GroupedConv2d> = {
  op: 'groupedConv2d',
  ...signature,
  ...rule,
  gradient: (graph, { operands: { x, w }, attributes }, { y: dy }) => {
    if (!dy) return {};
    const [dw, dx] = [gradientLike(graph, w), gradientLike(graph, x)];
    graph.append('groupedConv2dWeightGradient', { x, dy }, { dw }, attributes);
    graph.append('groupedConv2dInputGradient', { dy, w, addend: null }, { dx }, attributes);
    return { x: dx, w: dw };
  },
  product: ['y', 'w'],
  onTheWay: false,
  values: 'new',
  compute: ({ x, w }, { y, moments }, { groups, ...window }, sizes) => {
    y.fill(0);
    forEachProduct(sizes, window, groups, (input, weight, output) => {
      y[output]! += x[input]! * w[weight]!;
    });
    if (moments) momentsOf(y, sizes.O, moments);
  },
};

const inputGradientSignature = {
  operands: { dy: '[B,Y,X,O]', w: '[K,L,J,O]', addend: '[B,H,W,I]?' },
  /** Gradient with respect to x, plus the addend. */
  results: { dx: '[B,H,W,I]' },
} as const;

export type GroupedConv2dInputGradient = Operation<typeof inputGradientSignature, GroupedWindow>;

export const groupedConv2dInputGradientDefinition: Definition<GroupedConv2dInputGradient> = {
  op: 'groupedConv2dInputGradient',
  ...inputGradientSignature,
  ...rule,
  gradient: 'none',
  overwrites: { dx: ['addend'] },
  addend: 'addend',
  product: ['dy', 'w'],
  compute: ({ dy, w, addend }, { dx }, { groups, ...window }, sizes) => {
    if (addend) dx.set(addend);
    else dx.fill(0);
    forEachProduct(sizes, window, groups, (input, weight, output) => {
      dx[input]! += dy[output]! * w[weight]!;
    });
  },
};

const weightGradientSignature = {
  operands: { x: '[B,H,W,I]', dy: '[B,Y,X,O]' },
  results: { dw: '[K,L,J,O]' },
} as const;

export type GroupedConv2dWeightGradient = Operation<typeof weightGradientSignature, GroupedWindow>;

export const groupedConv2dWeightGradientDefinition: Definition<GroupedConv2dWeightGradient> = {
  op: 'groupedConv2dWeightGradient',
  ...weightGradientSignature,
  ...rule,
  gradient: 'none',
  product: ['dy', 'dw'],
  compute: ({ x, dy }, { dw }, { groups, ...window }, sizes) => {
    dw.fill(0);
    forEachProduct(sizes, window, groups, (input, weight, output) => {
      dw[weight]! += x[input]! * dy[output]!;
    });
  },
};

/** A grouped convolution of x [B,H,W,I] with w [K,L,I/groups,O]. `withMoments` as in `conv2d`. */
export function groupedConv2d(
  graph: Graph,
  x: Tensor,
  w: Tensor,
  { groups, ...options }: WindowOptions & { readonly groups: number },
  withMoments: boolean,
): ConvolutionResult {
  const attributes = { ...windowOf(options, x.shape, w.shape), groups };
  const shapes = resultShapes(groupedConv2dDefinition, { x, w }, attributes);
  const y = graph.tensor(`conv(${w.name})`, shapes.y);
  const moments = withMoments ? graph.tensor(`moments(${w.name})`, shapes.moments) : null;
  graph.append('groupedConv2d', { x, w }, { y, moments }, attributes);
  return { y, moments };
}

/** Calls `visit` with the indices of each input, weight and output that meet. */
function forEachProduct(
  sizes: Parameters<typeof forEachTap>[0] & Sizes,
  window: Window,
  groups: number,
  visit: (input: number, weight: number, output: number) => void,
): void {
  const { I, J, O } = sizes;
  forEachTap(sizes, window, (inputPixel, tap, outputPixel) => {
    for (let o = 0; o < O; o++) {
      const first = inputPixel * I + Math.floor((o * groups) / O) * J;
      for (let j = 0; j < J; j++) visit(first + j, (tap * J + j) * O + o, outputPixel * O + o);
    }
  });
}
