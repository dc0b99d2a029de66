/** Mean and biased variance of each channel of a convolution's result, in two passes. */

import type { AnyNode } from '../../graph/graph.js';
import { optionalResult } from '../operands.js';
import type { Memory } from './memory.js';

/** Writes the second result of a node, if it has one, from its first, `y`. */
export function writeMoments(
  node: Pick<AnyNode, 'op' | 'inputs' | 'outputs'>,
  memory: Memory,
  y: Float64Array,
  channels: number,
): void {
  const tensor = optionalResult(node, 1);
  if (!tensor) return;
  const moments = memory.floats(tensor);
  const count = y.length / channels;
  moments.fill(0);
  for (let i = 0; i < y.length; i++) moments[i % channels]! += y[i]! / count;
  for (let i = 0; i < y.length; i++) {
    const c = i % channels;
    moments[channels + c]! += (y[i]! - moments[c]!) ** 2 / count;
  }
}
