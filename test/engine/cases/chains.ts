/** Chains of operations whose transient tensors may share memory and be overwritten in place. */

import type { Tensor } from '../../../src/graph/index.js';
import { elementCount } from '../../../src/graph/tensor.js';
import type { Activation } from '../../../src/ops/attributes.js';
import { appendDamping } from '../../../src/program/damping.js';
import type { QuantizerCore } from '../../../src/quant/index.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { activationName, activations, isExact, randomValues, rangesOf } from '../randomValues.js';
import { sizedWindowLike, windowedShape, windowLike } from '../windows.js';

export function chainCases(): ConformanceCase[] {
  return [
    elementwiseChain(),
    convolutionChain(),
    sparseChain(),
    depthwiseChain(),
    ...activations.filter(isExact).map((activation, i) => batchNormChain(activation, true, 2200 + i)),
    ...[null, ...activations.filter(isExact)].map((activation, i) => batchNormChain(activation, false, 2250 + i)),
    pooledNormChain({ type: 'relu' }, [2, 5, 6, 8], 2280),
    pooledNormChain({ type: 'quantize', row: 1, core: 'uniform', signed: false }, [1, 4, 4, 12], 2281),
    pooledNormChain(null, [2, 5, 4, 5], 2282),
    averagedNormChain(8, true, 2285),
    averagedNormChain(5, false, 2286),
    shortcutNormChain({ type: 'relu' }, 8, 2290),
    shortcutNormChain({ type: 'quantize', row: 1, core: 'uniform', signed: false }, 5, 2291),
    lossChain(),
    damping('uniform', false, 2310),
    damping('uniform', true, 2311),
    damping('pow2', false, 2312),
  ];
}

function elementwiseChain(): ConformanceCase {
  const random = randomValues(2100);
  const shape = [3, 67];
  const c = caseBuilder();
  const [a, b] = [c.input('a', shape, random.dyadic(201)), c.input('b', shape, random.dyadic(201))];
  const two = c.input('two', [1], [2]);
  const activation: Activation = { type: 'relu' };
  const t = ['t0', 't1', 't2', 't3', 't4'].map((name) => c.transient(name, shape));
  c.graph.append('add', { a, b }, { y: t[0]! }, {});
  c.graph.append('scale', { x: t[0]!, factor: two }, { y: t[1]! }, {});
  c.graph.append('activation', { x: t[1]!, ranges: null }, { y: t[2]! }, { activation });
  c.graph.append('add', { a: b, b: t[2]! }, { y: t[3]! }, {});
  c.graph.append('add', { a: t[3]!, b: t[3]! }, { y: t[4]! }, {});
  c.graph.append(
    'activationGradient',
    { x: t[4]!, ranges: null, dy: t[3]! },
    { dx: c.output('y', shape, { exact: true }), sums: null },
    { activation },
  );
  return c.build('add, scale, relu, add, add to itself, gradient');
}

function convolutionChain(): ConformanceCase {
  const random = randomValues(2150);
  const shape = [2, 4, 4, 16];
  const window = windowLike({ padding: 1 });
  const c = caseBuilder();
  const dy = c.input('dy', shape, random.dyadic(512));
  const a = c.input('a', shape, random.dyadic(512));
  const w = c.input('w', [3, 3, 16, 16], random.dyadic(2304));
  const one = c.input('one', [1], [0.5]);
  const [sum, dx, scaled, y] = [
    c.transient('sum', shape),
    c.transient('dx', shape),
    c.transient('scaled', shape),
    c.transient('y', shape),
  ];
  c.graph.append('add', { a, b: dy }, { y: sum }, {});
  c.graph.append('conv2dInputGradient', { dy, w, addend: sum }, { dx }, window);
  c.graph.append('scale', { x: dx, factor: one }, { y: scaled }, {});
  c.graph.append('conv2d', { x: scaled, w }, { y, moments: null }, window);
  c.graph.append('conv2dWeightGradient', { x: scaled, dy: y }, { dw: c.output('dw', [3, 3, 16, 16]) }, window);
  c.graph.append('add', { a: scaled, b: y }, { y: c.output('both', shape) }, {});
  return c.build('convolution gradient over its addend');
}

/** The gradient of a shortcut that skips pixels, which another engine may add in place behind that of the main branch. */
function sparseChain(): ConformanceCase {
  const random = randomValues(2155);
  const [large, small] = [
    [2, 6, 5, 16],
    [2, 3, 3, 16],
  ] as const;
  const c = caseBuilder();
  const dy = c.input('dy', small, random.dyadic(288));
  const dyOfShortcut = c.input('dy of shortcut', small, random.dyadic(288));
  const w = c.input('w', [3, 3, 16, 16], random.dyadic(2304));
  const wOfShortcut = c.input('w of shortcut', [1, 1, 16, 16], random.dyadic(256));
  const [first, dx] = [c.transient('dx of shortcut', large), c.transient('dx', large)];
  c.graph.append(
    'conv2dInputGradient',
    { dy: dyOfShortcut, w: wOfShortcut, addend: null },
    { dx: first },
    windowLike({ stride: 2 }),
  );
  c.graph.append('conv2dInputGradient', { dy, w, addend: first }, { dx }, windowLike({ stride: 2, padding: 1 }));
  c.graph.append('copy', { x: dx }, { y: c.output('y', large) }, {});
  return c.build('convolution gradient over that of a shortcut which skips pixels');
}

function depthwiseChain(): ConformanceCase {
  const random = randomValues(2160);
  const shape = [2, 5, 5, 12];
  const window = windowLike({ padding: 1 });
  const c = caseBuilder();
  const dy = c.input('dy', shape, random.dyadic(600));
  const a = c.input('a', shape, random.dyadic(600));
  const w = c.input('w', [3, 3, 12], random.dyadic(108));
  const [sum, dx, y] = [c.transient('sum', shape), c.transient('dx', shape), c.transient('y', shape)];
  c.graph.append('add', { a, b: dy }, { y: sum }, {});
  c.graph.append('depthwiseConv2dInputGradient', { dy, w, addend: sum }, { dx }, window);
  c.graph.append('depthwiseConv2d', { x: dx, w }, { y, moments: null }, window);
  c.graph.append('depthwiseConv2dWeightGradient', { x: dx, dy: y }, { dw: c.output('dw', [3, 3, 12]) }, window);
  c.graph.append('add', { a: dx, b: y }, { y: c.output('both', shape) }, {});
  return c.build('depthwise gradient over its addend');
}

/** Values lie on a grid, so the quantizers' ties are the same on every engine. */
function batchNormChain(activation: Activation | null, hasShortcut: boolean, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const channels = hasShortcut ? 5 : 8;
  const shape = [2, 4, 4, channels];
  const values = () => random.dyadic(32 * channels);
  const perChannel = (list: readonly number[]) => Array.from({ length: channels }, (_, i) => list[i % list.length]!);
  const exact = { exact: activation?.type !== 'quantize' || activation.core !== 'pow2' };
  const c = caseBuilder();
  const [x, s, dy] = [c.input('x', shape, values()), c.input('s', shape, values()), c.input('dy', shape, values())];
  const moments = [...perChannel([0, 0.5, -0.25, 1, 0]), ...perChannel([1, 2, 0.5, 1, 4])];
  const statistics = c.input('statistics', [2, channels], moments);
  const gamma = c.input('gamma', [channels], perChannel([1, 0.5, 2, 1, 1]));
  const beta = c.input('beta', [channels], perChannel([0, 0.125, -0.5, 1, 0]));
  const ranges = activation?.type === 'quantize' ? c.input('ranges', [3, 2], rangesOf[activation.core]) : null;
  const transient = (name: string) => c.transient(name, shape);
  const [x2, s2, s3, y] = [transient('x2'), transient('s2'), transient('s3'), transient('y')];
  const [dy2, dz, dx, shared] = [transient('dy2'), transient('dz'), transient('dx'), transient('shared')];
  const dgamma = c.output('dgamma', [channels], exact);
  const dbeta = c.output('dbeta', [channels], exact);
  const sums = ranges ? c.output('sums', [2], { exact: true }) : null;
  c.graph.append('add', { a: x, b: x }, { y: x2 }, {});
  c.graph.append('add', { a: s, b: s }, { y: s2 }, {});
  c.graph.append('add', { a: s, b: x }, { y: s3 }, {});
  const operands = { x: x2, statistics, gamma, beta, ranges };
  c.graph.append('batchNorm', { ...operands, shortcut: hasShortcut ? s2 : null }, { y }, { activation });
  c.graph.append('add', { a: y, b: dy }, { y: dy2 }, {});
  c.graph.append(
    'batchNormGradientReduce',
    { ...operands, shortcut: hasShortcut ? s3 : null, dy: dy2 },
    { dz, dgamma, dbeta, sums },
    {
      activation,
    },
  );
  c.graph.append('batchNormGradientApply', { dz, x: x2, statistics, gamma, dgamma, dbeta }, { dx }, {});
  c.graph.append('add', { a: dx, b: s3 }, { y: shared }, {});
  c.graph.append('add', { a: shared, b: s }, { y: c.output('result', shape) }, {});
  const place = hasShortcut ? 'over its shortcut' : 'without a shortcut';
  return c.build(`batch norm ${place}, gradients over each other: ${activationName(activation)}`);
}

/** A normalisation that only pooling reads, which other engines may compute with it, and the gradients of both. */
function pooledNormChain(
  activation: Activation | null,
  shape: readonly [number, number, number, number],
  seed: number,
): ConformanceCase {
  const random = randomValues(seed);
  const channels = shape[3];
  const window = sizedWindowLike({ size: 3, stride: 2, padding: 1 });
  const pooled = windowedShape(shape, window, channels);
  const perChannel = (list: readonly number[]) => Array.from({ length: channels }, (_, i) => list[i % list.length]!);
  const c = caseBuilder();
  const x = c.input('x', shape, random.dyadic(elementCount(shape)));
  const dy = c.input('dy', pooled, random.dyadic(elementCount(pooled)));
  const moments = [...perChannel([0, 0.5, -0.25, 1]), ...perChannel([1, 2, 0.5, 1])];
  const statistics = c.input('statistics', [2, channels], moments);
  const gamma = c.input('gamma', [channels], perChannel([1, 0.5, -2]));
  const beta = c.input('beta', [channels], perChannel([0, 0.125, -0.5]));
  const ranges = activation?.type === 'quantize' ? c.input('ranges', [3, 2], rangesOf[activation.core]) : null;
  const transient = (name: string) => c.transient(name, shape);
  const [x2, y, upstream, dz, dx] = ['x2', 'y', 'upstream', 'dz', 'dx'].map(transient) as Tensor[];
  const [of, argmax] = [c.output('pooled', pooled, { exact: true }), c.transient('argmax', pooled, 'uint8')];
  const [dgamma, dbeta] = ['dgamma', 'dbeta'].map((name) => c.output(name, [channels])) as [Tensor, Tensor];
  const sums = ranges ? c.output('sums', [2]) : null;
  const operands = { x: x2!, statistics, gamma, beta, shortcut: null, ranges };
  c.graph.append('add', { a: x, b: x }, { y: x2! }, {});
  c.graph.append('batchNorm', operands, { y: y! }, { activation });
  c.graph.append('maxPool', { x: y! }, { y: of, argmax }, window);
  c.graph.append('maxPoolGradient', { argmax, dy }, { dx: upstream! }, window);
  const reduced = { dz: dz!, dgamma, dbeta, sums };
  c.graph.append('batchNormGradientReduce', { ...operands, dy: upstream! }, reduced, { activation });
  const applied = { dz: dz!, x: x2!, statistics, gamma, dgamma, dbeta };
  c.graph.append('batchNormGradientApply', applied, { dx: dx! }, {});
  c.graph.append('copy', { x: dx! }, { y: c.output('result', shape) }, {});
  return c.build(`batch norm before pooling, ${channels} channels: ${activationName(activation)}`);
}

/** The gradient of a mean over all pixels, which other engines may compute with that of the normalisation before it. */
function averagedNormChain(channels: number, hasShortcut: boolean, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const shape = [3, 4, 2, channels];
  const values = () => random.dyadic(elementCount(shape));
  const perChannel = (list: readonly number[]) => Array.from({ length: channels }, (_, i) => list[i % list.length]!);
  const c = caseBuilder();
  const x = c.input('x', shape, values());
  const shortcut = hasShortcut ? c.input('shortcut', shape, values()) : null;
  const dy = c.input('dy', [3, channels], random.dyadic(3 * channels));
  const statistics = c.input('statistics', [2, channels], [...perChannel([0, 0.5, -0.25]), ...perChannel([1, 2, 0.5])]);
  const gamma = c.input('gamma', [channels], perChannel([1, 0.5, -2]));
  const beta = c.input('beta', [channels], perChannel([0, 0.125, -0.5]));
  const [upstream, dz, dx] = ['upstream', 'dz', 'dx'].map((name) => c.transient(name, shape)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const [dgamma, dbeta] = ['dgamma', 'dbeta'].map((name) => c.output(name, [channels])) as [Tensor, Tensor];
  const operands = { x, statistics, gamma, beta, shortcut, ranges: null };
  c.graph.append('globalAveragePoolGradient', { dy }, { dx: upstream }, {});
  const reduced = { dz, dgamma, dbeta, sums: null };
  c.graph.append('batchNormGradientReduce', { ...operands, dy: upstream }, reduced, { activation: { type: 'relu' } });
  c.graph.append('batchNormGradientApply', { dz, x, statistics, gamma, dgamma, dbeta }, { dx }, {});
  c.graph.append('copy', { x: dx }, { y: c.output('result', shape) }, {});
  return c.build(`batch norm before the mean of all pixels, ${channels} channels`);
}

/** A normalisation of a shortcut that only another one adds, which other engines may compute with it, and the gradients of both. */
function shortcutNormChain(activation: Activation, channels: number, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const shape = [2, 5, 4, channels];
  const perChannel = (list: readonly number[]) => Array.from({ length: channels }, (_, i) => list[i % list.length]!);
  const c = caseBuilder();
  const [a, b, dy] = ['a', 'b', 'dy'].map((name) => c.input(name, shape, random.dyadic(elementCount(shape)))) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const moments = [...perChannel([0, 0.5, -0.25, 1]), ...perChannel([1, 2, 0.5, 1])];
  const otherMoments = [...perChannel([0.25, 0, 1]), ...perChannel([0.5, 1, 2, 2])];
  const statistics = c.input('statistics', [2, 2, channels], [...moments, ...otherMoments]);
  const numbers = [
    [1, 0.5, -2],
    [0, 0.125, -0.5],
    [0.5, 2],
    [0.25, 0, -1],
  ];
  const parameters = c.input('parameters', [4, channels], numbers.flatMap(perChannel));
  const gradients = c.output('gradients', [4, channels]);
  const ranges = activation.type === 'quantize' ? c.input('ranges', [3, 2], rangesOf[activation.core]) : null;
  const row = (whole: Tensor, index: number) => c.part(whole, `${whole.name} ${index}`, index * channels, [channels]);
  const normOf = (x: Tensor, index: number) => ({
    ...{ x, statistics: c.part(statistics, `statistics ${index}`, 2 * index * channels, [2, channels]) },
    ...{ gamma: row(parameters, 2 * index), beta: row(parameters, 2 * index + 1) },
  });
  const reducedOf = (dz: Tensor, index: number) => ({
    ...{ dz, dgamma: row(gradients, 2 * index), dbeta: row(gradients, 2 * index + 1) },
  });
  const transient = (name: string) => c.transient(name, shape);
  const [x, xOfShortcut, shortcut, upstream] = ['x', 'x of shortcut', 'shortcut', 'upstream'].map(
    transient,
  ) as Tensor[];
  const [dz, masked, dx, dxOfShortcut] = ['dz', 'masked', 'dx', 'dx of shortcut'].map(transient) as Tensor[];
  const main = { ...normOf(x!, 0), shortcut: shortcut!, ranges };
  const beside = { ...normOf(xOfShortcut!, 1), shortcut: null, ranges: null };
  c.graph.append('add', { a, b: a }, { y: x! }, {});
  c.graph.append('add', { a: b, b }, { y: xOfShortcut! }, {});
  c.graph.append('batchNorm', beside, { y: shortcut! }, { activation: null });
  c.graph.append('batchNorm', main, { y: c.output('y', shape, { exact: true }) }, { activation });
  c.graph.append('add', { a: dy, b: dy }, { y: upstream! }, {});
  const sums = ranges ? c.output('sums', [2]) : null;
  c.graph.append('batchNormGradientReduce', { ...main, dy: upstream! }, { ...reducedOf(dz!, 0), sums }, { activation });
  const applied = (
    { x, statistics, gamma }: ReturnType<typeof normOf>,
    { dz, dgamma, dbeta }: ReturnType<typeof reducedOf>,
  ) => ({ dz, x, statistics, gamma, dgamma, dbeta });
  c.graph.append('batchNormGradientApply', applied(main, reducedOf(dz!, 0)), { dx: dx! }, {});
  const ofShortcut = { ...reducedOf(masked!, 1), sums: null };
  c.graph.append('batchNormGradientReduce', { ...beside, dy: dz! }, ofShortcut, { activation: null });
  c.graph.append('batchNormGradientApply', applied(beside, ofShortcut), { dx: dxOfShortcut! }, {});
  c.graph.append('copy', { x: dx! }, { y: c.output('result', shape) }, {});
  c.graph.append('copy', { x: dxOfShortcut! }, { y: c.output('result of shortcut', shape) }, {});
  return c.build(`batch norm of a shortcut, ${channels} channels: ${activationName(activation)}`);
}

function lossChain(): ConformanceCase {
  const random = randomValues(2300);
  const c = caseBuilder();
  const x = c.input('x', [5, 9], random.numbers(45));
  const w = c.input('w', [9, 7], random.numbers(63));
  const b = c.input('b', [7], random.numbers(7));
  const labels = c.input('labels', [5], [0, 6, -1, 3, 2], 'int32');
  const [logits, dlogits] = [c.transient('logits', [5, 7]), c.transient('dlogits', [5, 7])];
  c.graph.append('linear', { x, w, b }, { y: logits }, {});
  c.graph.append('softmaxCrossEntropy', { logits, labels, teacher: null }, { loss: c.output('loss', [2]) }, {});
  c.graph.append('softmaxCrossEntropyGradient', { logits, labels, teacher: null }, { dlogits }, {});
  const results = { dw: c.output('dw', [9, 7]), db: c.output('db', [7]) };
  c.graph.append('linearWeightGradient', { x, dy: dlogits }, results, {});
  c.graph.append('linearInputGradient', { dy: dlogits, w }, { dx: c.output('dx', [5, 9]) }, {});
  return c.build('gradient of the loss over the logits');
}

/** Multiples of a power of two: what the weights are apart from their levels is exact. */
function damping(core: QuantizerCore, perChannel: boolean, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const shape = [9, 7];
  const c = caseBuilder();
  const x = c.input('x', shape, random.dyadic(63, 2, 5));
  const ranges = c.input('ranges', [3, 2], rangesOf[core]);
  const lambda = c.input('lambda', [2], [0.5, -0.5]);
  const w = c.transient('w', shape);
  if (perChannel) {
    const exponents = c.input('exponents', [7], [0, 1, -1, 0, 2, 0, -2]);
    c.graph.append('quantizeChannels', { x, ranges, exponents }, { y: w }, { row: 1, core });
  } else {
    const activation = { type: 'quantize', row: 1, core, signed: true } as const;
    c.graph.append('activation', { x, ranges }, { y: w }, { activation });
  }
  const factors = [c.part(lambda, 'factor', 0, [1]), c.part(lambda, 'negated', 1, [1])] as const;
  const [[, pull]] = appendDamping(c.graph, x.view!.storage, factors) as [[Tensor, Tensor]];
  c.graph.append('add', { a: pull, b: w }, { y: c.output('y', shape, { exact: core === 'uniform' }) }, {});
  return c.build(`damping of ${core} weights${perChannel ? ', a step a channel' : ''}`);
}
