/**
 * 2-D convolution (cross-correlation, as everywhere in the field), NHWC by HWIO, and its two gradients, straight from
 * the definition: every pair of an output pixel and a tap of the filter that lies inside the image.
 */

import { nhwc } from '../../graph/tensor.js';
import { operand, optionalOperand, result } from '../operands.js';
import type { Kernel } from './kernel.js';
import { writeMoments } from './moments.js';
import { forEachTap } from './windows.js';

export const conv2d: Kernel<'conv2d'> = (node, memory) => {
  const [input, weights, output] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const x = memory.floats(input);
  const w = memory.floats(weights);
  const y = memory.floats(output);
  const [, , inputs, outputs] = nhwc(weights);
  y.fill(0);
  forEachTap(input, weights, output, node.attributes, (inputPixel, tap, outputPixel) => {
    const [xStart, wStart, yStart] = [inputPixel * inputs, tap * inputs * outputs, outputPixel * outputs];
    for (let i = 0; i < inputs; i++) addScaled(y, yStart, x[xStart + i]!, w, wStart + i * outputs, outputs);
  });
  writeMoments(node, memory, y, outputs);
};

export const conv2dInputGradient: Kernel<'conv2dInputGradient'> = (node, memory) => {
  const [upstream, weights, output] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const addend = optionalOperand(node, 2);
  const dy = memory.floats(upstream);
  const w = memory.floats(weights);
  const dx = memory.floats(output);
  const [, , inputs, outputs] = nhwc(weights);
  if (addend) dx.set(memory.floats(addend));
  else dx.fill(0);
  forEachTap(output, weights, upstream, node.attributes, (inputPixel, tap, outputPixel) => {
    const [xStart, wStart, yStart] = [inputPixel * inputs, tap * inputs * outputs, outputPixel * outputs];
    for (let i = 0; i < inputs; i++) dx[xStart + i]! += dot(dy, yStart, w, wStart + i * outputs, outputs);
  });
};

export const conv2dWeightGradient: Kernel<'conv2dWeightGradient'> = (node, memory) => {
  const [input, upstream, output] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const x = memory.floats(input);
  const dy = memory.floats(upstream);
  const dw = memory.floats(output);
  const [, , inputs, outputs] = nhwc(output);
  dw.fill(0);
  forEachTap(input, output, upstream, node.attributes, (inputPixel, tap, outputPixel) => {
    const [xStart, wStart, yStart] = [inputPixel * inputs, tap * inputs * outputs, outputPixel * outputs];
    for (let i = 0; i < inputs; i++) addScaled(dw, wStart + i * outputs, x[xStart + i]!, dy, yStart, outputs);
  });
};

/** sum += factor · values over `count` elements; a function of its own because it runs 1.5 times as fast as in place. */
function addScaled(
  sum: Float64Array,
  sumStart: number,
  factor: number,
  values: Float64Array,
  start: number,
  count: number,
): void {
  for (let o = 0; o < count; o++) sum[sumStart + o]! += factor * values[start + o]!;
}

function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, count: number): number {
  let sum = 0;
  for (let o = 0; o < count; o++) sum += a[aStart + o]! * b[bStart + o]!;
  return sum;
}
