/** Convolutions large enough to be cut: bands of rows, groups of images, blocks of input and result channels. */

import { describe, expect, it } from 'vitest';
import { windowLike } from '../../../../test/engine/windows.js';
import { mulberry32 } from '../../../../test/mulberry32.js';
import { Graph } from '../../../graph/index.js';
import { makePlan } from '../../../passes/index.js';
import type { Engine } from '../../engine.js';
import { createReferenceEngine } from '../../reference/index.js';
import { createCpuEngine } from '../index.js';

/** images, height, width, input channels, result channels, taps, stride, padding */
type Geometry = readonly [number, number, number, number, number, number, number, number];

const cut: readonly (readonly [what: string, geometry: Geometry])[] = [
  ['Winograd, bands of rows, odd sizes, passes', [1, 141, 143, 4, 8, 3, 1, 1]],
  ['Winograd, blocks of input channels', [1, 5, 6, 132, 72, 3, 1, 1]],
  ['Winograd, steps apart, tiles of three and four rows', [1, 7, 7, 172, 176, 3, 1, 1]],
  ['Winograd, groups of images, no padding', [70, 4, 4, 8, 8, 3, 1, 0]],
  ['Winograd, more padding than taps need', [2, 6, 7, 16, 16, 3, 1, 2]],
  ['Winograd, stride 2, full and shorter tiles', [2, 14, 30, 44, 48, 3, 2, 1]],
  ['Winograd, stride 2, odd sizes, no padding', [2, 13, 15, 32, 64, 3, 2, 0]],
  ['Winograd, stride 2, more padding than taps need', [1, 16, 12, 64, 32, 3, 2, 3]],
  ['Winograd, 7×7 taps of stride 2', [2, 29, 32, 3, 16, 7, 2, 3]],
  ['Winograd, weight gradient in tiles of six rows', [1, 24, 25, 64, 64, 3, 1, 1]],
  ['Winograd, 7×7 taps of stride 2, weight gradient in tiles of five rows', [1, 48, 51, 3, 16, 7, 2, 3]],
  ['direct, bands of rows', [1, 18, 60, 64, 12, 3, 1, 1]],
  ['direct, groups of images', [70, 2, 2, 6, 10, 3, 1, 1]],
  ['direct, blocks of channels', [2, 4, 4, 260, 260, 3, 2, 1]],
  ['direct, stride beyond the taps', [3, 9, 10, 12, 20, 1, 3, 0]],
];

describe('cut convolutions', () => {
  it.each(cut)('%s: as in float64, with the same bits for any number of threads', async (_, geometry) => {
    const want = await results(createReferenceEngine(), geometry);
    const got = await results(await createCpuEngine({ threads: 1 }), geometry);
    for (const [name, values] of got) {
      const expected = want.get(name)!;
      const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
      expect(scale).toBeGreaterThan(0);
      expect(worst / scale, name).toBeLessThan(4e-6);
    }
    expect(await results(await createCpuEngine({ threads: 3 }), geometry)).toEqual(got);
  });
});

it('gives equal images equal results where a batch takes several passes', async () => {
  const [images, size, channels] = [70, 7, 256];
  const graph = new Graph();
  const tensor = (name: string, shape: number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const x = tensor('x', [images, size, size, channels]);
  const w = tensor('w', [3, 3, channels, channels]);
  const y = tensor('y', [images, size, size, channels]);
  graph.append('conv2d', { x, w }, { y, moments: null }, windowLike({ padding: 1 }));
  const engine = await createCpuEngine({ threads: 2 });
  const program = await engine.load(makePlan({ step: graph }));
  const random = mulberry32(7);
  const image = Float32Array.from({ length: size * size * channels }, () => random() - 0.4);
  for (let index = 0; index < images; index++) program.write('x', image, index * image.length);
  program.write(
    'w',
    Float32Array.from({ length: w.view!.storage.length }, () => random() - 0.4),
  );
  await program.run('step');
  const first = Buffer.from((await program.read('y', 0, image.length)).buffer);
  expect(first.some((byte) => byte !== 0)).toBe(true);
  for (let index = 1; index < images; index++) {
    const other = await program.read('y', index * image.length, image.length);
    expect(first.equals(Buffer.from(other.buffer)), `image ${index}`).toBe(true);
  }
  await engine.dispose();
});

it('adds up more than 46 340 items, the square of whose number has more than 32 bits', async () => {
  const [images, depth, channels] = [46_400, 344, 8];
  const graph = new Graph();
  const tensor = (name: string, shape: number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const [x, dy] = [tensor('x', [images, 1, 1, depth]), tensor('dy', [images, 1, 1, channels])];
  const dw = tensor('dw', [3, 3, depth, channels]);
  graph.append('conv2dWeightGradient', { x, dy }, { dw }, windowLike({ padding: 1 }));
  const engine = await createCpuEngine({ threads: 2 });
  const program = await engine.load(makePlan({ step: graph }));
  program.write('x', new Float32Array(images * depth).fill(1));
  program.write(
    'dy',
    Float32Array.from({ length: images * channels }, (_, i) =>
      Number(Math.floor(i / channels) % channels === i % channels),
    ),
  );
  await program.run('step');
  const middle = [...(await program.read('dw', 4 * depth * channels, depth * channels))];
  const worst = Math.max(...middle.map((value) => Math.abs(value - images / channels)));
  expect(worst).toBeLessThan(0.01);
  await engine.dispose();
});

async function results(engine: Engine, geometry: Geometry): Promise<Map<string, number[]>> {
  const [images, height, width, depth, channels, taps, stride, padding] = geometry;
  const resultSize = (size: number) => Math.floor((size + 2 * padding - taps) / stride) + 1;
  const window = windowLike({ stride, padding });
  const graph = new Graph();
  const tensor = (name: string, shape: number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const xShape = [images, height, width, depth];
  const yShape = [images, resultSize(height), resultSize(width), channels];
  const inputs = [tensor('x', xShape), tensor('w', [taps, taps, depth, channels]), tensor('dy', yShape)] as const;
  const [x, w, dy] = inputs;
  const outputs = [
    ...[tensor('y', yShape), tensor('moments', [2, channels])],
    ...[tensor('dx', xShape), tensor('dw', [taps, taps, depth, channels])],
  ] as const;
  const [y, moments, dx, dw] = outputs;
  graph.append('conv2d', { x, w }, { y: y!, moments: moments! }, window);
  graph.append('conv2dInputGradient', { dy, w, addend: x }, { dx: dx! }, window);
  graph.append('conv2dWeightGradient', { x, dy }, { dw: dw! }, window);
  const program = await engine.load(makePlan({ step: graph }));
  const random = mulberry32(7);
  for (const { view } of inputs) {
    const values = Float32Array.from({ length: view!.storage.length }, () => random() - 0.4);
    program.write(view!.storage.name, values);
  }
  await program.run('step');
  const read = new Map<string, number[]>();
  for (const { name } of outputs) read.set(name, [...(await program.read(name))]);
  await engine.dispose();
  return read;
}
