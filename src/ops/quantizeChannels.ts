/** Quantizes a weight with a step for each channel of its last axis. */

import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { channelScale, elementQuantizers, exponentGradient } from '../quant/index.js';
import { sumsOfRow } from './activation.js';
import { rowFault } from './activationFunctions.js';
import type { ChannelQuantization } from './attributes.js';
import type { Definition, Operation } from './definition.js';
import { resultShapes } from './shapes.js';
import { gradientLike } from './tensors.js';

const signature = {
  /** `exponents`: one a channel, each scales the row's range by a power of two (see `quant/channelExponents.ts`). */
  operands: { x: '[...S,C]', ranges: '[Q,2]', exponents: '[C]' },
  results: { y: '[...S,C]' },
} as const;

export type QuantizeChannels = Operation<typeof signature, ChannelQuantization>;

export const quantizeChannelsDefinition: Definition<QuantizeChannels> = {
  op: 'quantizeChannels',
  ...signature,
  check: ({ row }, { Q }) => rowFault(row, Q),
  gradient: (graph, { operands: { x, ranges, exponents }, attributes }, { y: dy }, sums) => {
    if (!dy) return {};
    const [dx, dexponents] = [gradientLike(graph, x), gradientLike(graph, exponents)];
    const results = { dx, dexponents, sums: sumsOfRow(graph, sums, attributes.row) };
    graph.append('quantizeChannelsGradient', { x, ranges, exponents, dy }, results, attributes);
    return { x: dx, exponents: dexponents };
  },
  onTheWay: false,
  values: 'new',
  compute: ({ x, ranges, exponents }, { y }, { core, row }, { C }) => {
    const { value } = elementQuantizers[core];
    const [e0, e1] = [ranges[2 * row]!, ranges[2 * row + 1]!];
    const scales = Array.from(exponents, channelScale);
    for (let i = 0; i < x.length; i++) {
      const scale = scales[i % C]!;
      y[i] = value(true, scale * e0, scale * e1, x[i]!);
    }
  },
};

const gradientSignature = {
  operands: { x: '[...S,C]', ranges: '[Q,2]', exponents: '[C]', dy: '[...S,C]' },
  results: { dx: '[...S,C]', dexponents: '[C]', sums: '[2]' },
} as const;

export type QuantizeChannelsGradient = Operation<typeof gradientSignature, ChannelQuantization>;

export const quantizeChannelsGradientDefinition: Definition<QuantizeChannelsGradient> = {
  op: 'quantizeChannelsGradient',
  ...gradientSignature,
  check: ({ row }, { Q }) => rowFault(row, Q),
  gradient: 'none',
  compute: ({ x, ranges, exponents, dy }, { dx, dexponents, sums }, { core, row }, { C }) => {
    const element = elementQuantizers[core];
    const [e0, e1] = [ranges[2 * row]!, ranges[2 * row + 1]!];
    const scales = Array.from(exponents, channelScale);
    const [sums0, sums1] = [new Float64Array(C), new Float64Array(C)];
    for (let i = 0; i < x.length; i++) {
      const channel = i % C;
      const range = [scales[channel]! * e0, scales[channel]! * e1] as const;
      sums0[channel]! += dy[i]! * element.rangeFactor0(true, ...range, x[i]!);
      sums1[channel]! += dy[i]! * element.rangeFactor1(true, ...range, x[i]!);
      dx[i] = dy[i]! * element.inputFactor(true, ...range, x[i]!);
    }
    sums.fill(0);
    scales.forEach((scale, channel) => {
      const [s0, s1] = [sums0[channel]!, sums1[channel]!];
      dexponents[channel] = exponentGradient(exponents[channel]!, e0, e1, s0, s1);
      sums[0]! += scale * s0;
      sums[1]! += scale * s1;
    });
  },
};

/** Quantizes x [..., C]. `ranges`: effective ranges of all quantizers, [Q, 2]. `exponents`: of the channels, [C]. */
export function quantizeChannels(
  graph: Graph,
  x: Tensor,
  ranges: Tensor,
  exponents: Tensor,
  quantization: ChannelQuantization,
): Tensor {
  const operands = { x, ranges, exponents };
  const y = graph.tensor(`quantize(${x.name})`, resultShapes(quantizeChannelsDefinition, operands, quantization).y);
  graph.append('quantizeChannels', operands, { y }, quantization);
  return y;
}
