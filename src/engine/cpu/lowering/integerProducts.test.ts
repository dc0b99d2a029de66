/** Products of quantized operands as integers: the bits of float products where these are exact, and exact elsewhere. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomValues } from '../../../../test/engine/randomValues.js';
import { windowLike } from '../../../../test/engine/windows.js';
import { Graph, type Tensor } from '../../../graph/index.js';
import type { Activation } from '../../../ops/attributes.js';
import { makePlan } from '../../../passes/index.js';
import type { Engine } from '../../engine.js';
import { createReferenceEngine } from '../../reference/index.js';
import { createCpuEngine } from '../index.js';

/** images, height, width, input channels, result channels, taps, stride, padding */
type Geometry = readonly [number, number, number, number, number, number, number, number];

interface Quantized {
  /** Step and largest value of inputs and weights. */
  readonly ranges: readonly [number, number, number, number];
  readonly signed?: boolean;
  /** Values before the quantizers. */
  readonly x: readonly [least: number, most: number];
  readonly w: readonly [least: number, most: number];
  /** Changes some values. */
  readonly change?: (x: Float32Array, w: Float32Array) => void;
}

const fourBits: Quantized = { ranges: [0.125, 1.875, 0.0625, 0.4375], x: [-0.5, 2], w: [-0.5, 0.5] };

const geometries: readonly (readonly [what: string, geometry: Geometry])[] = [
  ['Winograd, whole tiles', [16, 16, 12, 8, 16, 3, 1, 1]],
  ['Winograd, bands of rows, odd sizes', [1, 41, 39, 64, 8, 3, 1, 1]],
  ['Winograd, groups of images, no padding', [70, 6, 6, 24, 8, 3, 1, 0]],
  ['Winograd, steps apart', [3, 5, 5, 256, 256, 3, 1, 1]],
  ['Winograd, steps apart, chunks that end inside of images', [12, 5, 1, 2048, 32, 3, 1, 1]],
  ['direct, stride 2', [3, 21, 22, 32, 24, 3, 2, 1]],
  ['direct, groups of images', [70, 4, 4, 64, 32, 1, 1, 0]],
  ['direct, bands of rows, stride beyond the taps', [2, 60, 61, 64, 24, 1, 2, 0]],
];

describe('products of codes', () => {
  let [single, several]: Engine[] = [];
  beforeAll(async () => {
    [single, several] = [await createCpuEngine({ threads: 1 }), await createCpuEngine({ threads: 2 })];
  });
  afterAll(() => Promise.all([single!.dispose(), several!.dispose()]));

  it.each(geometries)('%s: the bits of float products, for any number of threads', async (_, geometry) => {
    const { integers, floats } = await convolve(single!, geometry, fourBits);
    expect(integers.some((value) => value !== 0)).toBe(true);
    expect(differences(integers, floats)).toBe(0);
    const other = await convolve(several!, geometry, fourBits);
    expect(differences(other.integers, integers)).toBe(0);
  });

  it('are exact where Winograd of floats rounds', async () => {
    const eightBits: Quantized = { ranges: [1, 255, 2 ** -7, 127 / 128], x: [0, 255], w: [0.2, 0.9] };
    const { integers, floats } = await convolve(single!, [1, 16, 16, 64, 16, 3, 1, 1], eightBits);
    const exact = await convolve(createReferenceEngine(), [1, 16, 16, 64, 16, 3, 1, 1], eightBits);
    const results = 16 ** 3;
    expect(differences(integers.slice(0, results), exact.integers.slice(0, results))).toBe(0);
    expect(differences(integers, floats)).toBeGreaterThan(0);
  });

  it('of inputs with signs', async () => {
    const signed = { ...fourBits, signed: true };
    const { integers, floats } = await convolve(single!, [16, 16, 12, 8, 16, 3, 1, 1], signed);
    expect(differences(integers, floats)).toBe(0);
  });

  it('of inputs without signs that Winograd makes 68 times as large', async () => {
    const isLarge = (pixel: number) => ((pixel >> 3) & 2) === (pixel & 2);
    const change = (x: Float32Array) => {
      for (let at = 0; at < x.length; at++) x[at] = isLarge(Math.floor(at / 64)) ? 2 : 0;
    };
    const nineBits: Quantized = { ...fourBits, ranges: [1 / 256, 511 / 256, 0.0625, 0.4375], change };
    const { integers, floats } = await convolve(single!, [4, 8, 8, 64, 16, 3, 1, 1], nineBits);
    expect(integers.some((value) => value !== 0)).toBe(true);
    expect(differences(integers, floats)).toBe(0);
  });

  it.each<[string, Quantized]>([
    ['a step that is no power of two', { ...fourBits, ranges: [0.3, 4.5, 0.0625, 0.4375] }],
    ['codes that 16 bits of Winograd cannot hold', { ...fourBits, ranges: [2 ** -9, 1.875, 0.0625, 0.4375] }],
    ['sums that a float cannot hold', { ranges: [2 ** -8, 2, 2 ** -9, 1], x: [1, 2], w: [0.5, 1] }],
    ['a weight that is no number', { ...fourBits, change: (_, w) => w.fill(Number.NaN, 3, 4) }],
  ])('are those of floats for %s', async (_, quantized) => {
    const { integers, floats } = await convolve(single!, [4, 8, 8, 64, 16, 3, 1, 1], quantized);
    expect(differences(integers, floats)).toBe(0);
  });

  it.each([1, 2])('show that an image has a NaN, not in others (stride %i)', async (stride) => {
    const quantized: Quantized = { ...fourBits, change: (x) => x.fill(Number.NaN, 0, 1) };
    const geometry: Geometry = [70, 4, 4, 32, 32, 3, stride, 1];
    const { integers, floats } = await convolve(single!, geometry, quantized);
    const others = (values: readonly number[]) => values.slice((values.length - 64) / 70, -64);
    expect(integers[0]).toBeNaN();
    expect(others(integers).every(Number.isFinite)).toBe(true);
    expect(differences(others(integers), others(floats))).toBe(0);
  });
});

/** Numbers that are not the same; a list of them would be long. */
function differences(a: readonly number[], b: readonly number[]): number {
  return a.length === b.length ? a.filter((value, i) => !Object.is(value, b[i])).length : Number.NaN;
}

/** Results and moments of a convolution of quantized operands, and of the same numbers, inputs without their quantizer. */
async function convolve(engine: Engine, geometry: Geometry, { ranges, signed = false, x, w, change }: Quantized) {
  const [images, height, width, depth, channels, taps, stride, padding] = geometry;
  const sizeOf = (size: number) => Math.floor((size + 2 * padding - taps) / stride) + 1;
  const graph = new Graph();
  const tensor = (name: string, ...shape: number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const table = tensor('ranges', 2, 2);
  const random = randomValues(11);
  const starts = new Map<string, Float32Array>();
  const sources = [
    { name: 'x', shape: [images, height, width, depth], limits: x, row: 0, isSigned: signed },
    { name: 'w', shape: [taps, taps, depth, channels], limits: w, row: 1, isSigned: true },
  ].map(({ name, shape, limits, row, isSigned }) => {
    const source = tensor(name, ...shape);
    starts.set(name, Float32Array.from(random.numbers(source.view!.storage.length, ...limits)));
    const quantized = graph.tensor('q', shape);
    const activation: Activation = { type: 'quantize', row, core: 'uniform', signed: isSigned };
    graph.append('activation', { x: source, ranges: table }, { y: quantized }, { activation });
    return quantized;
  });
  const [quantized, weights] = sources as [Tensor, Tensor];
  const plain = graph.tensor('plain', quantized.shape);
  graph.append('add', { a: quantized, b: tensor('zero', ...quantized.shape) }, { y: plain }, {});
  for (const [form, inputs] of Object.entries({ quantized, plain })) {
    const results = {
      y: tensor(`y ${form}`, images, sizeOf(height), sizeOf(width), channels),
      moments: tensor(`moments ${form}`, 2, channels),
    };
    graph.append('conv2d', { x: inputs, w: weights }, results, windowLike({ stride, padding }));
  }
  const program = await engine.load(makePlan({ step: graph }));
  change?.(starts.get('x')!, starts.get('w')!);
  for (const [name, values] of starts) program.write(name, values);
  program.write('ranges', ranges);
  await program.run('step');
  const read = async (form: string) => [
    ...(await program.read(`y ${form}`)),
    ...(await program.read(`moments ${form}`)),
  ];
  const results = { integers: await read('quantized'), floats: await read('plain') };
  await program.dispose();
  return results;
}
