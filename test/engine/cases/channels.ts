/** Operations on the channels of pixels, of lengths with and without tails of vectors. */

import { elementCount } from '../../../src/graph/tensor.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues, sumOfMagnitudes } from '../randomValues.js';

export function channelCases(): ConformanceCase[] {
  const concats = [
    [[3, 2, 2], 8, 12],
    [[5], 3, 6],
    [[2, 70, 70], 5, 4],
  ] as const;
  const slices = [
    [[3, 2, 2], 16, 4, 8],
    [[5], 7, 1, 3],
    [[1, 90, 90], 5, 2, 3],
  ] as const;
  const shuffles = [
    [[2, 3, 3], 12, 3],
    [[4], 10, 5],
  ] as const;
  const images = [
    [2, 3, 3, 8],
    [3, 1, 2, 5],
    [1, 20, 20, 66],
  ] as const;
  return [
    ...concats.map(([rows, a, b], i) => sideBySide(rows, a, b, 1600 + i)),
    ...slices.map(([rows, all, first, channels], i) => sliced(rows, all, first, channels, 1610 + i)),
    ...shuffles.map(([rows, channels, groups], i) => shuffled(rows, channels, groups, 1620 + i)),
    ...images.map((shape, i) => biased(shape, 1630 + i)),
    ...images.map((shape, i) => multiplied(shape, 1640 + i)),
    reshaped([2, 3, 2, 5], 1650),
  ];
}

function sideBySide(rows: readonly number[], before: number, behind: number, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const [aShape, bShape, yShape] = [before, behind, before + behind].map((channels) => [...rows, channels]);
  const c = caseBuilder();
  const a = c.input('a', aShape!, random.numbers(elementCount(aShape!)));
  const b = c.input('b', bShape!, random.numbers(elementCount(bShape!)));
  c.graph.append('concat', { a, b }, { y: c.output('y', yShape!, { exact: true }) }, {});
  return c.build(`${before} and ${behind} channels of [${rows}]`);
}

function sliced(rows: readonly number[], all: number, first: number, channels: number, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const [xShape, yShape] = [
    [...rows, all],
    [...rows, channels],
  ];
  const attributes = { first, channels };
  const c = caseBuilder();
  const x = c.input('x', xShape, random.dyadic(elementCount(xShape)));
  const dy = c.input('dy', yShape, random.dyadic(elementCount(yShape)));
  const addend = c.input('addend', xShape, random.dyadic(elementCount(xShape)));
  c.graph.append('slice', { x }, { y: c.output('y', yShape, { exact: true }) }, attributes);
  const gradient = (name: string) => c.output(name, xShape, { exact: true });
  c.graph.append('sliceGradient', { dy, addend: null }, { dx: gradient('dx') }, attributes);
  c.graph.append('sliceGradient', { dy, addend }, { dx: gradient('dxPlus') }, attributes);
  const [sum, inPlace] = [c.transient('sum', xShape), c.transient('inPlace', xShape)];
  c.graph.append('add', { a: x, b: addend }, { y: sum }, {});
  c.graph.append('sliceGradient', { dy, addend: sum }, { dx: inPlace }, attributes);
  c.graph.append('add', { a: inPlace, b: addend }, { y: gradient('dxTwice') }, {});
  return c.build(`${channels} channels from ${first} of [${xShape}]`);
}

function shuffled(rows: readonly number[], channels: number, groups: number, seed: number): ConformanceCase {
  const shape = [...rows, channels];
  const c = caseBuilder();
  const x = c.input('x', shape, randomValues(seed).numbers(elementCount(shape)));
  c.graph.append('shuffleChannels', { x }, { y: c.output('y', shape, { exact: true }) }, { groups });
  return c.build(`${groups} groups of [${shape}] in turn`);
}

type Nhwc = readonly [number, number, number, number];

function biased(shape: Nhwc, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const channels = shape[3];
  const gradients = random.numbers(elementCount(shape));
  const c = caseBuilder();
  const x = c.input('x', shape, random.dyadic(elementCount(shape)));
  const b = c.input('b', [channels], random.dyadic(channels));
  const dy = c.input('dy', shape, gradients);
  c.graph.append('bias', { x, b }, { y: c.output('y', shape, { exact: true }) }, {});
  const scale = sumOfMagnitudes(gradients) / channels;
  c.graph.append('biasGradient', { dy }, { db: c.output('db', [channels], { scale }) }, {});
  return c.build(`bias of [${shape}]`);
}

function multiplied(shape: Nhwc, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const factors = [shape[0], shape[3]];
  const c = caseBuilder();
  const x = c.input('x', shape, random.numbers(elementCount(shape)));
  const factor = c.input('factor', factors, random.numbers(elementCount(factors)));
  const dy = c.input('dy', shape, random.numbers(elementCount(shape)));
  c.graph.append('multiplyChannels', { x, factor }, { y: c.output('y', shape) }, {});
  const dfactor = c.output('dfactor', factors, { scale: shape[1] * shape[2] });
  c.graph.append('multiplyChannelsGradient', { x, factor, dy }, { dx: c.output('dx', shape), dfactor }, {});
  return c.build(`factors of [${shape}]`);
}

function reshaped([batch, height, width, channels]: Nhwc, seed: number): ConformanceCase {
  const flat = [batch, height * width * channels];
  const c = caseBuilder();
  const x = c.input('x', [batch, height, width, channels], randomValues(seed).numbers(elementCount(flat)));
  const y = c.transient('y', flat);
  c.graph.append('flatten', { x }, { y }, {});
  c.graph.append('add', { a: y, b: y }, { y: c.output('twice', flat, { exact: true }) }, {});
  const image = c.output('image', [batch, height, width, channels], { exact: true });
  c.graph.append('unflatten', { x: y }, { y: image }, { height, width, channels });
  return c.build('an image as features and back');
}
