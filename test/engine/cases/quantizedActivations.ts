/**
 * Quantized activations that only operations pass on, in sizes at which an engine may keep them in fewer bits than a
 * float: what reads them must find every value as the quantizer put it out, NaN too.
 */

import type { Activation } from '../../../src/ops/attributes.js';
import { coreOf, type Quantizer, type QuantizerKind } from '../../../src/quant/index.js';
import { exampleQuantizer } from '../../exampleQuantizer.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';
import { sizedWindowLike, windowLike } from '../windows.js';

/** Kinds with parameters at which results take all the bits that their limits allow. */
const kinds: readonly (readonly [kind: QuantizerKind, p0: number, p1: number, signed?: true])[] = [
  ['parametric_fp_d_xmax', 2 ** -8, 254.875],
  ['parametric_fp_d_xmax', 1, 255],
  ['parametric_fp_d_b', 8, 2 ** -8],
  ['parametric_fp_d_b', 8, 1],
  ['parametric_fp_b_xmax', 8, 3],
  ['parametric_pow2_xmin_xmax', 2 ** -14, 64],
  ['fp', 0, 0],
  ['pow2', 0, 0],
  ['parametric_fp_d_xmax', 2 ** -8, 254.875, true],
  ['parametric_fp_d_xmax', 0.25, 1.5, true],
  ['parametric_fp_b_xmax', 4, 1, true],
  ['parametric_pow2_xmin_xmax', 2 ** -6, 1, true],
];

export function quantizedActivationCases(): ConformanceCase[] {
  const cases = kinds.flatMap(([kind, p0, p1, signed = false], i) => {
    const quantizer = quantizerOf(kind, signed);
    return [readers(quantizer, [p0, p1], 2600 + i), notANumber(quantizer, [p0, p1], 2650 + i)];
  });
  return [...cases, channelReaders(quantizerOf('parametric_fp_d_xmax', false), [2 ** -8, 254.875], 2700)];
}

const shape = [2, 8, 8, 16] as const;
const length = 2048;

function quantizerOf(kind: QuantizerKind, signed: boolean): Quantizer {
  const bounds = { xmin: { min: 2 ** -14, max: 2 ** -9 }, xmax: { min: 2 ** -8, max: 255 } };
  return exampleQuantizer(kind, { name: 'relu/Aquant', role: 'activation', signed, count: length / 2, bounds });
}

function nameOf({ kind, signed }: Quantizer): string {
  return signed ? `signed ${kind}` : kind;
}

/** A normalised and quantized tensor, and what the cases build on. */
function start(quantizer: Quantizer, parameters: readonly [number, number], seed: number, xs: readonly number[]) {
  const random = randomValues(seed);
  const c = caseBuilder();
  const activation: Activation = { type: 'quantize', row: 0, core: coreOf(quantizer.kind), signed: quantizer.signed };
  const table = c.input('table', [1, 2], parameters);
  const ranges = c.transient('ranges', [1, 2]);
  c.graph.append('prepareQuantizers', { table }, { ranges }, { rows: [quantizer] });
  const perChannel = (values: readonly number[]) => Array.from({ length: 16 }, (_, i) => values[i % values.length]!);
  const statistics = c.input('statistics', [2, 16], [...perChannel([0, 0.5, -0.25]), ...perChannel([1, 2, 16, 64])]);
  const gamma = c.input('gamma', [16], perChannel([1, 0.5, 2]));
  const beta = c.input('beta', [16], perChannel([0, 0.125, -0.5, 1]));
  const x = c.input('x', shape, xs);
  const y = c.transient('y', shape);
  const affine = { statistics, gamma, beta, ranges };
  c.graph.append('batchNorm', { x, ...affine, shortcut: null }, { y }, { activation });
  return { random, c, activation, affine, y };
}

/** On a grid, so that ties are the same on every engine. */
function readers(quantizer: Quantizer, parameters: readonly [number, number], seed: number): ConformanceCase {
  const { dyadic } = randomValues(seed + 100);
  const { random, c, activation, affine, y } = start(quantizer, parameters, seed, dyadic(length, 2, 6));
  const { graph } = c;
  const operands = { x: c.input('x2', shape, random.dyadic(length, 2, 6)), ...affine, shortcut: y };
  const u = c.transient('u', shape);
  graph.append('batchNorm', operands, { y: u }, { activation });
  const dy = c.input('dy', shape, random.dyadic(length));
  const window = windowLike({ padding: 1 });
  const w = c.input('w', [3, 3, 16, 16], random.dyadic(2304));
  const depthwise = c.input('depthwise', [3, 3, 16], random.dyadic(144));
  graph.append(
    'conv2d',
    { x: u, w },
    { y: c.output('convolved', shape), moments: c.output('moments', [2, 16]) },
    window,
  );
  graph.append('conv2dWeightGradient', { x: u, dy }, { dw: c.output('dw', [3, 3, 16, 16]) }, window);
  graph.append('depthwiseConv2d', { x: u, w: depthwise }, { y: c.output('filtered', shape), moments: null }, window);
  const [pooled, argmax] = [c.transient('pooled', [2, 9, 9, 16]), c.transient('argmax', [2, 9, 9, 16], 'uint8')];
  graph.append('maxPool', { x: u }, { y: pooled, argmax }, sizedWindowLike({ size: 2, padding: 1 }));
  graph.append(
    'add',
    { a: pooled, b: pooled },
    { y: c.output('twice the largest', [2, 9, 9, 16], { exact: true }) },
    {},
  );
  graph.append('globalAveragePool', { x: pooled }, { y: c.output('mean', [2, 16]) }, {});
  for (const extraChannels of [0, 3, 16]) {
    const sampledShape = [2, 8, 8, 16 + extraChannels];
    const sampled = c.transient(`sampled ${extraChannels}`, sampledShape);
    graph.append('subsample', { x: u }, { y: sampled }, { stride: 1, extraChannels });
    const twice = c.output(`twice the sampled ${extraChannels}`, sampledShape, { exact: true });
    graph.append('add', { a: sampled, b: sampled }, { y: twice }, {});
  }
  graph.append('add', { a: u, b: y }, { y: c.output('sum', shape, { exact: true }) }, {});
  graph.append(
    'batchNormGradientReduce',
    { ...operands, dy },
    {
      dz: c.output('dz', shape),
      dgamma: c.output('dgamma', [16]),
      dbeta: c.output('dbeta', [16]),
      sums: c.output('sums', [2]),
    },
    { activation },
  );
  return c.build(`${nameOf(quantizer)}(${parameters}): products, sums, windows, gradients`);
}

/** Operations on the channels of pixels. */
function channelReaders(quantizer: Quantizer, parameters: readonly [number, number], seed: number): ConformanceCase {
  const { dyadic } = randomValues(seed + 100);
  const { random, c, y: x } = start(quantizer, parameters, seed, dyadic(length, 2, 6));
  const { graph } = c;
  const exact = { exact: true };
  graph.append('slice', { x }, { y: c.output('slice', [2, 8, 8, 8], exact) }, { first: 4, channels: 8 });
  graph.append('shuffleChannels', { x }, { y: c.output('shuffled', shape, exact) }, { groups: 4 });
  graph.append('concat', { a: x, b: x }, { y: c.output('both', [2, 8, 8, 32], exact) }, {});
  graph.append('flatten', { x }, { y: c.output('flat', [2, 1024], exact) }, {});
  graph.append('bias', { x, b: c.input('b', [16], random.dyadic(16)) }, { y: c.output('biased', shape) }, {});
  const factor = c.input('factor', [2, 16], random.dyadic(32));
  graph.append('multiplyChannels', { x, factor }, { y: c.output('multiplied', shape) }, {});
  const w = c.input('w', [3, 3, 4, 16], random.dyadic(576));
  const window = { ...windowLike({ padding: 1 }), groups: 4 };
  graph.append('groupedConv2d', { x, w }, { y: c.output('convolved', shape), moments: null }, window);
  return c.build(`${nameOf(quantizer)}(${parameters}): channels`);
}

function notANumber(quantizer: Quantizer, parameters: readonly [number, number], seed: number): ConformanceCase {
  const xs = randomValues(seed).dyadic(length, 2, 6);
  for (const i of [0, 5, 777, length - 1]) xs[i] = Number.NaN;
  const { c, y } = start(quantizer, parameters, seed, xs);
  c.graph.append('add', { a: y, b: y }, { y: c.output('twice', shape, { exact: true }) }, {});
  c.graph.append('globalAveragePool', { x: y }, { y: c.output('mean', [2, 16]) }, {});
  return c.build(`${nameOf(quantizer)}(${parameters}): NaN`);
}
