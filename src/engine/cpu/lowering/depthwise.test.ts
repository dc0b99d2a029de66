/** The tables of a depthwise convolution against the definition, and depthwise convolutions large enough to be cut. */

import { describe, expect, it } from 'vitest';
import { windowLike } from '../../../../test/engine/windows.js';
import { mulberry32 } from '../../../../test/mulberry32.js';
import { Graph } from '../../../graph/index.js';
import { makePlan } from '../../../passes/index.js';
import type { Engine } from '../../engine.js';
import { createReferenceEngine } from '../../reference/index.js';
import { createCpuEngine } from '../index.js';
import { forwardAxis, type GatherAxis, gradientAxis, runsOf } from './depthwise.js';

describe('tables of a depthwise convolution', () => {
  const sides = [
    [0, 0],
    [1, 1],
    [2, 1],
    [0, 2],
  ] as const;
  const axes = [1, 2, 3, 7, 12].flatMap((size) =>
    [1, 2, 3, 5].flatMap((taps) =>
      [1, 2, 3].flatMap((stride) =>
        [1, 2, 4].flatMap((dilation) =>
          sides.map(([before, after]) => ({ size, taps, window: { stride, before, after, dilation } })),
        ),
      ),
    ),
  );

  it('hold what meets', () => {
    for (const { size, taps, window } of axes) {
      const { stride, before, after, dilation } = window;
      const outputs = Math.max(0, Math.floor((size + before + after - (taps - 1) * dilation - 1) / stride) + 1);
      const met: string[] = [];
      for (let output = 0; output < outputs; output++) {
        for (let tap = 0; tap < taps; tap++) {
          const input = output * stride + tap * dilation - before;
          if (input >= 0 && input < size) met.push(`${input} at ${tap} to ${output}`);
        }
      }
      const forward = forwardAxis(outputs, size, taps, window);
      const backward = gradientAxis(size, outputs, taps, window);
      const said = JSON.stringify({ size, taps, window });
      expect(
        listed(forward, (source, tap, result) => `${source} at ${tap} to ${result}`),
        said,
      ).toEqual(met.sort());
      expect(
        listed(backward, (source, tap, result) => `${result} at ${tap} to ${source}`),
        said,
      ).toEqual(met);
    }
  });

  it('leave one run between the borders', () => {
    const axis = forwardAxis(56, 112, 3, { stride: 2, before: 1, after: 1, dilation: 1 });
    expect(runsOf(axis).map(({ count, taps }) => [count, taps])).toEqual([
      [1, 2],
      [55, 3],
    ]);
  });
});

/** What the runs of an axis say, sorted; they cover every result. */
function listed(axis: GatherAxis, entry: (source: number, tap: number, result: number) => string): string[] {
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
  const runs = runsOf(axis);
  expect(runs.reduce((sum, { count }) => sum + count, 0)).toBe(axis.spans.length);
  const entries = runs.flatMap((run) =>
    numbers(run.count).flatMap((i) =>
      numbers(run.taps).map((j) =>
        entry(
          run.source + i * axis.sourceStep + j * axis.dilation,
          run.firstTap + j * axis.tapStep,
          run.first + i * axis.resultStep,
        ),
      ),
    ),
  );
  return entries.sort();
}

/** images, height, width, channels, taps, stride, padding */
type Geometry = readonly [number, number, number, number, number, number, number];

const cut: readonly (readonly [what: string, geometry: Geometry])[] = [
  ['bands of rows', [2, 41, 39, 48, 3, 1, 1]],
  ['bands of rows, stride 2', [1, 60, 61, 40, 3, 2, 1]],
  ['groups of images', [70, 4, 4, 24, 3, 1, 1]],
  ['columns in chunks of several images', [40, 5, 6, 20, 3, 1, 1]],
  ['columns cut into bands', [2, 50, 9, 12, 3, 1, 1]],
  ['quads of odd rows and columns', [3, 21, 13, 20, 3, 2, 1]],
  ['columns without borders', [12, 11, 12, 20, 3, 1, 0]],
  ['more padding than taps need', [20, 5, 6, 4, 3, 1, 3]],
  ['blocks of channels with a tail', [3, 7, 7, 165, 3, 1, 1]],
  ['wide windows', [1, 20, 20, 20, 7, 1, 3]],
];

describe('cut depthwise convolutions', () => {
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
    // With an addend gradients are computed in tiles, without one in columns or quads where these apply.
    const [x, alone] = [got.get('x')!, got.get('dxAlone')!];
    expect(got.get('dx')).toEqual(alone.map((value, i) => Math.fround(value + x[i]!)));
  });
});

async function results(engine: Engine, geometry: Geometry): Promise<Map<string, number[]>> {
  const [images, height, width, channels, taps, stride, padding] = geometry;
  const resultSize = (size: number) => Math.floor((size + 2 * padding - taps) / stride) + 1;
  const window = windowLike({ stride, padding });
  const graph = new Graph();
  const tensor = (name: string, shape: number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const xShape = [images, height, width, channels];
  const yShape = [images, resultSize(height), resultSize(width), channels];
  const wShape = [taps, taps, channels];
  const [x, w, dy] = [tensor('x', xShape), tensor('w', wShape), tensor('dy', yShape)];
  const [y, moments, dw] = [tensor('y', yShape), tensor('moments', [2, channels]), tensor('dw', wShape)];
  const [dx, dxAlone] = [tensor('dx', xShape), tensor('dxAlone', xShape)];
  graph.append('depthwiseConv2d', { x, w }, { y, moments }, window);
  graph.append('depthwiseConv2dInputGradient', { dy, w, addend: x }, { dx }, window);
  graph.append('depthwiseConv2dInputGradient', { dy, w, addend: null }, { dx: dxAlone }, window);
  graph.append('depthwiseConv2dWeightGradient', { x, dy }, { dw }, window);
  const program = await engine.load(makePlan({ step: graph }));
  const random = mulberry32(7);
  for (const { view } of [x, w, dy]) {
    program.write(
      view!.storage.name,
      Float32Array.from({ length: view!.storage.length }, () => random() - 0.4),
    );
  }
  await program.run('step');
  const read = new Map<string, number[]>();
  for (const { name } of [x, y, moments, dx, dxAlone, dw]) read.set(name, [...(await program.read(name))]);
  await engine.dispose();
  return read;
}
