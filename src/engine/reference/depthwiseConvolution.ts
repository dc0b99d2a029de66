/** Depthwise convolution, NHWC by [kh, kw, C], and its two gradients, straight from the definition. */

import { dimension } from '../../graph/tensor.js';
import { operand, optionalOperand, result } from '../operands.js';
import type { Kernel } from './kernel.js';
import { writeMoments } from './moments.js';
import { forEachTap } from './windows.js';

export const depthwiseConv2d: Kernel<'depthwiseConv2d'> = (node, memory) => {
  const [input, weights, output] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const x = memory.floats(input);
  const w = memory.floats(weights);
  const y = memory.floats(output);
  const channels = dimension(weights, 2);
  y.fill(0);
  forEachTap(input, weights, output, node.attributes, (inputPixel, tap, outputPixel) => {
    addProducts(y, outputPixel * channels, x, inputPixel * channels, w, tap * channels, channels);
  });
  writeMoments(node, memory, y, channels);
};

export const depthwiseConv2dInputGradient: Kernel<'depthwiseConv2dInputGradient'> = (node, memory) => {
  const [upstream, weights, output] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const addend = optionalOperand(node, 2);
  const dy = memory.floats(upstream);
  const w = memory.floats(weights);
  const dx = memory.floats(output);
  const channels = dimension(weights, 2);
  if (addend) dx.set(memory.floats(addend));
  else dx.fill(0);
  forEachTap(output, weights, upstream, node.attributes, (inputPixel, tap, outputPixel) => {
    addProducts(dx, inputPixel * channels, dy, outputPixel * channels, w, tap * channels, channels);
  });
};

export const depthwiseConv2dWeightGradient: Kernel<'depthwiseConv2dWeightGradient'> = (node, memory) => {
  const [input, upstream, output] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const x = memory.floats(input);
  const dy = memory.floats(upstream);
  const dw = memory.floats(output);
  const channels = dimension(output, 2);
  dw.fill(0);
  forEachTap(input, output, upstream, node.attributes, (inputPixel, tap, outputPixel) => {
    addProducts(dw, tap * channels, x, inputPixel * channels, dy, outputPixel * channels, channels);
  });
};

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
