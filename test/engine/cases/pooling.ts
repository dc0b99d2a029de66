/** Pooling and subsampling; averages of cut windows; maxima with many ties, below zero beside the padding, and of NaN. */

import { elementCount } from '../../../src/graph/tensor.js';
import type { AverageOptions } from '../../../src/ops/averagePool.js';
import { type SizedWindowOptions, sizedWindowOf } from '../../../src/ops/window.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';
import { optionsText, sizedWindowLike, windowedShape } from '../windows.js';

export function poolingCases(): ConformanceCase[] {
  const averages = [
    [2, 8, 8, 64],
    [3, 7, 7, 5],
    [1, 4, 4, 16],
    [1, 1, 1, 3],
    [5, 2, 4, 7],
  ] as const;
  const windows = [
    { size: 2, stride: 2, padding: 0 },
    { size: 3, stride: 2, padding: 1 },
    { size: 3, stride: 1, padding: 1 },
    { size: 2, stride: 1, padding: 0 },
  ];
  const unevenWindows: readonly SizedWindowOptions[] = [
    { size: [3, 1], stride: [2, 1], padding: { top: 2, bottom: 0, left: 0, right: 0 } },
    { size: [2, 3], stride: [2, 3], ceil: true },
    { size: [2, 3], stride: [1, 2], padding: [1, 2], dilation: [3, 2] },
    { size: [3, 2], padding: 'same' },
  ];
  const maximumShapes = [
    [2, 8, 8, 16],
    [1, 7, 7, 5],
    [3, 4, 7, 19],
  ] as const;
  const samples = [
    [2, 16],
    [2, 0],
    [2, 3],
    [1, 2],
    [3, 1],
  ] as const;
  const sampleShapes = [
    [2, 8, 8, 16],
    [1, 7, 5, 3],
    [3, 4, 4, 5],
    [1, 1, 1, 4],
  ] as const;
  return [
    ...averages.map(average),
    ...windows.flatMap((window) => maximumShapes.map((shape, i) => maximum(window, shape, 1200 + i))),
    ...unevenWindows.map((window, i) => maximum(window, [2, 7, 8, i < 2 ? 5 : 8], 1210 + i)),
    ...[16, 4, 3].map(maximumOfNaN),
    ...windows.flatMap((window) => maximumShapes.map((shape, i) => windowAverage(window, shape, 1250 + i))),
    ...unevenWindows.map((window, i) => windowAverage(window, [2, 7, 8, i < 2 ? 5 : 8], 1260 + i)),
    windowAverage({ size: [3, 2], stride: 2, padding: 1, countsPadding: true }, [2, 5, 6, 4], 1270),
    subsampled([2, 8, 5], [2, 4, 4, 8], 1310),
    subsampled([1, 3, 2], [1, 3, 3, 3], 1311),
    subsampled([2, 4, 4], [1, 4, 4, 8], 1312),
    ...samples.flatMap((sample) => sampleShapes.map((shape, i) => subsampled(sample, shape, 1300 + i))),
  ];
}

type Nhwc = readonly [number, number, number, number];

function average(shape: Nhwc, seed: number): ConformanceCase {
  const random = randomValues(1100 + seed);
  const pooled = [shape[0], shape[3]];
  const c = caseBuilder();
  const x = c.input('x', shape, random.numbers(shape[0] * shape[1] * shape[2] * shape[3]));
  const dy = c.input('dy', pooled, random.numbers(shape[0] * shape[3]));
  c.graph.append('globalAveragePool', { x }, { y: c.output('y', pooled, { scale: 1 }) }, {});
  c.graph.append('globalAveragePoolGradient', { dy }, { dx: c.output('dx', shape) }, {});
  return c.build(`global average of [${shape}]`);
}

function windowAverage(options: AverageOptions, shape: Nhwc, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const attributes = { ...sizedWindowOf(options, shape), countsPadding: options.countsPadding ?? false };
  const pooled = windowedShape(shape, attributes, shape[3]);
  const c = caseBuilder();
  const x = c.input('x', shape, random.numbers(elementCount(shape)));
  const dy = c.input('dy', pooled, random.numbers(elementCount(pooled)));
  c.graph.append('averagePool', { x }, { y: c.output('y', pooled, { scale: 1 }) }, attributes);
  c.graph.append('averagePoolGradient', { dy }, { dx: c.output('dx', shape, { scale: 1 }) }, attributes);
  return c.build(`average of ${optionsText(options)} on [${shape}]`);
}

function maximum(options: SizedWindowOptions, shape: Nhwc, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const attributes = sizedWindowOf(options, shape);
  const pooled = windowedShape(shape, attributes, shape[3]);
  const c = caseBuilder();
  const xs = random.integers(elementCount(shape), -5, -1);
  const x = c.input('x', shape, xs);
  const dy = c.input('dy', pooled, random.dyadic(elementCount(pooled)));
  const argmax = c.transient('argmax', pooled, 'uint8');
  c.graph.append('maxPool', { x }, { y: c.output('y', pooled, { exact: true }), argmax }, attributes);
  c.graph.append('maxPool', { x }, { y: c.output('y alone', pooled, { exact: true }), argmax: null }, attributes);
  c.graph.append('maxPoolGradient', { argmax, dy }, { dx: c.output('dx', shape, { exact: true }) }, attributes);
  return c.build(`maximum of ${optionsText(options)} on [${shape}]`);
}

/** NaN wins wherever it stands in a window, or a network that has diverged would look healthy. */
function maximumOfNaN(channels: number): ConformanceCase {
  const c = caseBuilder();
  const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY];
  const windows = [
    [nan, 1, 2, 3],
    [1, nan, 2, inf],
    [1, 2, 3, nan],
    [nan, 5, nan, -inf],
  ];
  const xs = windows.flatMap((values) => values.flatMap((value) => Array<number>(channels).fill(value)));
  const [shape, pooled] = [
    [4, 2, 2, channels],
    [4, 1, 1, channels],
  ];
  const attributes = sizedWindowLike({ size: 2, stride: 2 });
  const argmax = c.transient('argmax', pooled, 'uint8');
  const dy = c.input('dy', pooled, Array<number>(4 * channels).fill(1));
  const x = c.input('x', shape, xs);
  c.graph.append('maxPool', { x }, { y: c.output('y', pooled, { exact: true }), argmax }, attributes);
  c.graph.append('maxPoolGradient', { argmax, dy }, { dx: c.output('dx', shape, { exact: true }) }, attributes);
  return c.build(`maximum beside NaN, ${channels} channels`);
}

function subsampled(
  [stride, extraChannels, learning]: readonly [number, number, number?],
  shape: Nhwc,
  seed: number,
): ConformanceCase {
  const random = randomValues(seed);
  const [batch, height, width, channels] = shape;
  const sampled = [batch, Math.ceil(height / stride), Math.ceil(width / stride), channels + extraChannels];
  const c = caseBuilder();
  const x = c.input('x', shape, random.numbers(batch * height * width * channels));
  const dy = c.input('dy', sampled, random.numbers(sampled.reduce((a, b) => a * b, 1)));
  const attributes = { stride, extraChannels, ...(learning && { learning }) };
  c.graph.append('subsample', { x }, { y: c.output('y', sampled, { exact: true }) }, attributes);
  c.graph.append('subsampleGradient', { dy }, { dx: c.output('dx', shape, { exact: true }) }, attributes);
  const some = learning ? `, ${learning} with gradients` : '';
  return c.build(`every ${stride}. pixel of [${shape}], ${extraChannels} channels appended${some}`);
}
