/** Convolutions of the sizes that networks have, and of sizes that leave tails in every tiling. */

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

export function convolutionCases(): ConformanceCase[] {
  return geometries.flatMap((geometry, seed) => [
    allFour(geometry, 100 + seed, false),
    allFour(geometry, 200 + seed, true),
  ]);
}

/** Forward and both gradients, with and without moments and addend; `exact`: on a grid where sums have no rounding. */
function allFour(geometry: Geometry, seed: number, exact: boolean): ConformanceCase {
  const [size, stride, padding, inputs, outputs, batch, height, width] = geometry;
  const random = randomValues(seed);
  const values = (count: number) => (exact ? random.dyadic(count) : random.numbers(count));
  const out = (length: number) => Math.floor((length + 2 * padding - size) / stride) + 1;
  const xShape = [batch, height, width, inputs];
  const wShape = [size, size, inputs, outputs];
  const yShape = [batch, out(height), out(width), outputs];
  const count = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
  const window = { stride, padding };

  const c = caseBuilder();
  const x = c.input('x', xShape, values(count(xShape)));
  const w = c.input('w', wShape, values(count(wShape)));
  const dy = c.input('dy', yShape, values(count(yShape)));
  const addend = c.input('addend', xShape, values(count(xShape)));
  c.graph.append('conv2d', [x, w], [c.output('y', yShape, { exact })], window);
  const moments = c.output('moments', [2, outputs], { scale: Math.sqrt(size * size * inputs) });
  c.graph.append('conv2d', [x, w], [c.output('yWithMoments', yShape, { exact }), moments], window);
  c.graph.append('conv2dInputGradient', [dy, w, null], [c.output('dx', xShape, { exact })], window);
  c.graph.append('conv2dInputGradient', [dy, w, addend], [c.output('dxPlus', xShape, { exact })], window);
  c.graph.append('conv2dWeightGradient', [x, dy], [c.output('dw', wShape, { exact })], window);
  const geometryName = `${size}x${size}/${stride}+${padding} ${inputs}→${outputs} on ${batch}x${height}x${width}`;
  return c.build(`${geometryName}${exact ? ', exactly' : ''}`);
}
