/** Convolutions, depthwise ones too, of the sizes that networks have and of sizes that leave tails in every tiling. */

import { sizedWindowOf, type WindowOptions } from '../../../src/ops/window.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';
import { optionsText, windowedShape } from '../windows.js';

type Geometry = readonly [
  size: number,
  stride: number,
  padding: number,
  inputs: number,
  outputs: number,
  batch: number,
  height: number,
  width: number,
];

const geometries: readonly Geometry[] = [
  [3, 1, 1, 3, 16, 2, 8, 8],
  [3, 1, 1, 3, 16, 1, 32, 32],
  [3, 1, 1, 16, 16, 3, 8, 8],
  [3, 1, 1, 16, 16, 1, 32, 32],
  [3, 1, 1, 16, 16, 4, 2, 2],
  [3, 1, 1, 16, 32, 1, 7, 7],
  [3, 1, 1, 64, 64, 2, 4, 4],
  [3, 1, 1, 64, 64, 5, 8, 8],
  [3, 1, 1, 5, 7, 2, 7, 4],
  [3, 1, 1, 5, 7, 1, 1, 1],
  [3, 1, 0, 5, 7, 1, 7, 8],
  [3, 2, 1, 16, 32, 2, 8, 8],
  [3, 2, 1, 16, 32, 1, 32, 32],
  [3, 2, 1, 64, 64, 1, 4, 4],
  [3, 2, 1, 5, 7, 3, 7, 7],
  [1, 1, 0, 16, 32, 5, 4, 4],
  [1, 1, 0, 64, 64, 3, 1, 1],
  [1, 1, 0, 5, 7, 1, 7, 2],
  [1, 2, 0, 16, 32, 2, 8, 8],
  [1, 2, 0, 5, 7, 2, 7, 4],
  [5, 1, 2, 16, 16, 1, 8, 8],
  [7, 1, 3, 5, 7, 1, 8, 7],
  [7, 2, 3, 3, 16, 1, 32, 32],
  [7, 2, 3, 3, 64, 2, 8, 8],
];

/** Inputs and outputs are the same. */
const depthwiseGeometries: readonly Geometry[] = [
  [3, 1, 1, 16, 16, 2, 8, 8],
  [3, 1, 1, 32, 32, 1, 16, 16],
  [3, 1, 1, 96, 96, 3, 7, 7],
  [3, 1, 1, 5, 5, 2, 7, 4],
  [3, 1, 1, 20, 20, 4, 2, 2],
  [3, 1, 1, 4, 4, 1, 1, 1],
  [3, 1, 0, 12, 12, 1, 7, 8],
  [3, 1, 2, 8, 8, 1, 5, 6],
  [3, 2, 1, 24, 24, 2, 16, 16],
  [3, 2, 1, 136, 136, 5, 4, 4],
  [3, 2, 1, 264, 264, 1, 9, 9],
  [3, 2, 1, 7, 7, 3, 7, 9],
  [3, 2, 1, 1, 1, 2, 1, 1],
  [5, 1, 2, 10, 10, 1, 8, 6],
  [5, 3, 1, 16, 16, 2, 11, 9],
  [1, 1, 0, 8, 8, 2, 3, 5],
  [1, 2, 0, 6, 6, 2, 7, 4],
  [2, 3, 0, 8, 8, 1, 8, 9],
];

/** Windows whose axes differ, with tails of vectors and classes of columns without taps. */
const unevenWindows: readonly Uneven[] = [
  { size: [10, 4], options: { stride: 2, padding: 'same' }, inputs: 1, outputs: 8, image: [1, 25, 10] },
  {
    size: [1, 5],
    options: { stride: [1, 2], padding: { top: 0, bottom: 0, left: 3, right: 0 } },
    inputs: 5,
    outputs: 6,
    image: [2, 1, 12],
  },
  {
    size: [3, 3],
    options: { padding: { top: 0, bottom: 2, left: 2, right: 1 } },
    inputs: 8,
    outputs: 16,
    image: [2, 5, 6],
  },
  {
    size: [3, 2],
    options: { stride: [3, 2], padding: [2, 1], dilation: [2, 2] },
    inputs: 16,
    outputs: 20,
    image: [2, 9, 8],
  },
  { size: [2, 3], options: { padding: [0, 3], dilation: [1, 3] }, inputs: 16, outputs: 16, image: [1, 4, 9] },
  { size: [3, 3], options: { stride: [4, 3], dilation: [2, 2] }, inputs: 3, outputs: 7, image: [2, 13, 11] },
];

/** Groups with and without tails of vectors, blocks and classes of columns without taps. */
const groupedWindows: readonly Grouped[] = [
  { size: [3, 3], options: { padding: 1 }, inputs: 16, outputs: 16, image: [3, 8, 8], groups: 4 },
  { size: [3, 3], options: { padding: 1 }, inputs: 8, outputs: 24, image: [2, 5, 7], groups: 2 },
  { size: [3, 3], options: {}, inputs: 32, outputs: 32, image: [2, 6, 5], groups: 2 },
  { size: [3, 3], options: { padding: 1, stride: 2 }, inputs: 10, outputs: 6, image: [2, 7, 6], groups: 2 },
  { size: [1, 1], options: {}, inputs: 24, outputs: 36, image: [2, 4, 3], groups: 3 },
  {
    size: [2, 3],
    options: { stride: [2, 1], padding: [0, 2], dilation: [1, 2] },
    inputs: 32,
    outputs: 24,
    image: [1, 9, 7],
    groups: 2,
  },
  { size: [3, 3], options: { padding: 1 }, inputs: 5, outputs: 20, image: [2, 4, 6], groups: 5 },
];

interface Grouped extends Uneven {
  readonly groups: number;
}

interface Uneven {
  readonly size: readonly [rows: number, columns: number];
  readonly options: WindowOptions;
  readonly inputs: number;
  readonly outputs: number;
  readonly image: readonly [batch: number, height: number, width: number];
}

export function convolutionCases(): ConformanceCase[] {
  const cases = (op: ConvolutionOp, sizes: readonly Geometry[], seed: number) =>
    sizes.flatMap((geometry, index) => [
      even(op, geometry, seed + index, false),
      even(op, geometry, seed + 100 + index, true),
    ]);
  return [
    ...cases('conv2d', geometries, 100),
    ...cases('depthwiseConv2d', depthwiseGeometries, 300),
    ...unevenWindows.flatMap((window, index) => [
      allFour('conv2d', window, 500 + index, true, `uneven ${sizesText(window)}`),
      allFour(
        'depthwiseConv2d',
        { ...window, inputs: window.outputs },
        600 + index,
        true,
        `uneven ${sizesText(window)}, depthwise`,
      ),
    ]),
    ...groupedWindows.map((window, index) =>
      allFour('groupedConv2d', window, 700 + index, index % 2 === 0, `${window.groups} groups, ${sizesText(window)}`),
    ),
  ];
}

function sizesText({ size, options, inputs, outputs, image }: Uneven): string {
  return `${size.join('x')} ${optionsText(options)} ${inputs}→${outputs} on ${image.join('x')}`;
}

type ConvolutionOp = 'conv2d' | 'depthwiseConv2d' | 'groupedConv2d';

function even(op: ConvolutionOp, geometry: Geometry, seed: number, exact: boolean): ConformanceCase {
  const [size, stride, padding, inputs, outputs, batch, height, width] = geometry;
  const channels = op === 'conv2d' ? `${inputs}→${outputs}` : `depthwise ${inputs}`;
  const name = `${size}x${size}/${stride}+${padding} ${channels} on ${batch}x${height}x${width}`;
  const window: Uneven = {
    size: [size, size],
    options: { stride, padding },
    inputs,
    outputs,
    image: [batch, height, width],
  };
  return allFour(op, window, seed, exact, `${name}${exact ? ', exactly' : ''}`);
}

/**
 * Forward and both gradients, with and without moments and addend; `exact`: on the grid of a quantizer, where sums have no
 * rounding. Gradients of 3×3 convolutions of stride 1 and 2, and of 7×7 ones of stride 2, may have some: an engine may
 * transform them by fractions.
 */
function allFour(
  op: ConvolutionOp,
  { size, options, inputs, outputs, image, groups = 1 }: Uneven & Partial<Grouped>,
  seed: number,
  exact: boolean,
  name: string,
): ConformanceCase {
  const random = randomValues(seed);
  const values = (count: number) => (exact ? random.dyadic(count) : random.numbers(count));
  const xShape = [...image, inputs];
  const wShape = op === 'depthwiseConv2d' ? [...size, inputs] : [...size, inputs / groups, outputs];
  const window = { ...sizedWindowOf({ ...options, size }, xShape), groups };
  const yShape = windowedShape(xShape, window, outputs);
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

  const c = caseBuilder();
  const ranges = exact ? c.input('ranges', [1, 2], [0.125, 1]) : null;
  const operand = (name: string, shape: readonly number[]) => {
    const given = c.input(name, shape, values(count(shape)));
    if (!ranges) return given;
    const quantized = c.transient(`${name}, quantized`, shape);
    const activation = { type: 'quantize', row: 0, core: 'uniform', signed: true } as const;
    c.graph.append('activation', { x: given, ranges }, { y: quantized }, { activation });
    return quantized;
  };
  const x = operand('x', xShape);
  const w = operand('w', wShape);
  const dy = c.input('dy', yShape, values(count(yShape)));
  const addend = c.input('addend', xShape, values(count(xShape)));
  c.graph.append(op, { x, w }, { y: c.output('y', yShape, { exact }), moments: null }, window);
  const moments = c.output('moments', [2, outputs], { scale: Math.sqrt(count(wShape) / outputs) });
  c.graph.append(op, { x, w }, { y: c.output('yWithMoments', yShape, { exact }), moments }, window);
  const { rows, columns } = window;
  const mayRound =
    ['3,3,1,1', '3,3,2,2', '7,7,2,2'].includes(`${size},${rows.stride},${columns.stride}`) && op !== 'depthwiseConv2d';
  const gradient = (name: string, shape: readonly number[]) => c.output(name, shape, { exact: exact && !mayRound });
  c.graph.append(`${op}InputGradient`, { dy, w, addend: null }, { dx: gradient('dx', xShape) }, window);
  c.graph.append(`${op}InputGradient`, { dy, w, addend }, { dx: gradient('dxPlus', xShape) }, window);
  c.graph.append(`${op}WeightGradient`, { x, dy }, { dw: gradient('dw', wShape) }, window);
  return c.build(name);
}
