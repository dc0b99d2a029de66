/** Convolutions, depthwise ones too, of the sizes that networks have and of sizes that leave tails in every tiling. */

import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';

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

export function convolutionCases(): ConformanceCase[] {
  const cases = (op: ConvolutionOp, sizes: readonly Geometry[], seed: number) =>
    sizes.flatMap((geometry, index) => [
      allFour(op, geometry, seed + index, false),
      allFour(op, geometry, seed + 100 + index, true),
    ]);
  return [...cases('conv2d', geometries, 100), ...cases('depthwiseConv2d', depthwiseGeometries, 300)];
}

type ConvolutionOp = 'conv2d' | 'depthwiseConv2d';

/** Forward and both gradients, with and without moments and addend; `exact`: on a grid where sums have no rounding. */
function allFour(op: ConvolutionOp, geometry: Geometry, seed: number, exact: boolean): ConformanceCase {
  const [size, stride, padding, inputs, outputs, batch, height, width] = geometry;
  const random = randomValues(seed);
  const values = (count: number) => (exact ? random.dyadic(count) : random.numbers(count));
  const out = (length: number) => Math.floor((length + 2 * padding - size) / stride) + 1;
  const xShape = [batch, height, width, inputs];
  const wShape = op === 'conv2d' ? [size, size, inputs, outputs] : [size, size, inputs];
  const yShape = [batch, out(height), out(width), outputs];
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  const window = { stride, padding };

  const c = caseBuilder();
  const x = c.input('x', xShape, values(count(xShape)));
  const w = c.input('w', wShape, values(count(wShape)));
  const dy = c.input('dy', yShape, values(count(yShape)));
  const addend = c.input('addend', xShape, values(count(xShape)));
  c.graph.append(op, { x, w }, { y: c.output('y', yShape, { exact }), moments: null }, window);
  const moments = c.output('moments', [2, outputs], { scale: Math.sqrt(count(wShape) / outputs) });
  c.graph.append(op, { x, w }, { y: c.output('yWithMoments', yShape, { exact }), moments }, window);
  c.graph.append(`${op}InputGradient`, { dy, w, addend: null }, { dx: c.output('dx', xShape, { exact }) }, window);
  c.graph.append(`${op}InputGradient`, { dy, w, addend }, { dx: c.output('dxPlus', xShape, { exact }) }, window);
  c.graph.append(`${op}WeightGradient`, { x, dy }, { dw: c.output('dw', wShape, { exact }) }, window);
  const channels = op === 'conv2d' ? `${inputs}→${outputs}` : `depthwise ${inputs}`;
  const geometryName = `${size}x${size}/${stride}+${padding} ${channels} on ${batch}x${height}x${width}`;
  return c.build(`${geometryName}${exact ? ', exactly' : ''}`);
}
