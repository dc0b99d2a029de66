/** Weights through their quantizer, a step for each channel. */

import type { Node } from '../../graph/graph.js';
import { channelScale, elementQuantizers, exponentGradient } from '../../quant/index.js';
import { operand, result } from '../operands.js';
import type { Kernel } from './kernel.js';
import type { Memory } from './memory.js';

export const quantizeChannels: Kernel<'quantizeChannels'> = (node, memory) => {
  const { value } = elementQuantizers[node.attributes.core];
  const { x, e0, e1, scales } = operandsOf(node, memory);
  const y = memory.floats(result(node, 0));
  for (let i = 0; i < x.length; i++) {
    const scale = scales[i % scales.length]!;
    y[i] = value(true, scale * e0, scale * e1, x[i]!);
  }
};

export const quantizeChannelsGradient: Kernel<'quantizeChannelsGradient'> = (node, memory) => {
  const element = elementQuantizers[node.attributes.core];
  const { x, e0, e1, exponents, scales } = operandsOf(node, memory);
  const dy = memory.floats(operand(node, 3));
  const dx = memory.floats(result(node, 0));
  const channels = scales.length;
  const [sums0, sums1] = [new Float64Array(channels), new Float64Array(channels)];
  for (let i = 0; i < x.length; i++) {
    const channel = i % channels;
    const range = [scales[channel]! * e0, scales[channel]! * e1] as const;
    sums0[channel]! += dy[i]! * element.rangeFactor0(true, ...range, x[i]!);
    sums1[channel]! += dy[i]! * element.rangeFactor1(true, ...range, x[i]!);
    dx[i] = dy[i]! * element.inputFactor(true, ...range, x[i]!);
  }
  const dexponents = memory.floats(result(node, 1));
  const sums = memory.floats(result(node, 2)).fill(0);
  scales.forEach((scale, channel) => {
    const [s0, s1] = [sums0[channel]!, sums1[channel]!];
    dexponents[channel] = exponentGradient(exponents[channel]!, e0, e1, s0, s1);
    sums[0]! += scale * s0;
    sums[1]! += scale * s1;
  });
};

function operandsOf(node: Node<'quantizeChannels' | 'quantizeChannelsGradient'>, memory: Memory) {
  const { row } = node.attributes;
  const ranges = memory.floats(operand(node, 1));
  const exponents = memory.floats(operand(node, 2));
  const [e0, e1] = [ranges[2 * row]!, ranges[2 * row + 1]!];
  return { x: memory.floats(operand(node, 0)), e0, e1, exponents, scales: Array.from(exponents, channelScale) };
}
