/**
 * The reference engine against checks that share nothing with it: finite differences for every gradient, values worked
 * out by hand, and the same plans with memory of its own for every tensor.
 */

import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { Graph, type Operations, type Plan, type Tensors } from '../../src/graph/index.js';
import { type DType, elementCount, type Shape, type Tensor } from '../../src/graph/tensor.js';
import { type Activation, CONTROL_LENGTH } from '../../src/ops/attributes.js';
import { type SizedWindowOptions, sizedWindowOf } from '../../src/ops/window.js';
import { makePlan } from '../../src/passes/index.js';
import { chainCases } from './cases/chains.js';
import { trainingCases } from './cases/training.js';
import { statesOf } from './conformance.js';
import { randomValues } from './randomValues.js';
import { averageLike, sizedWindowLike, windowedShape, windowLike } from './windows.js';

type Values = Record<string, ArrayLike<number>>;

interface Check {
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Appends the forward pass, of which `y` is the result. */
  forward(graph: Graph, t: (name: string) => Tensor): void;
  /** Appends the backward pass from `dy`; gradients are called d and the operand's name. */
  backward(graph: Graph, t: (name: string) => Tensor): void;
  /** Operands whose gradients are checked. */
  readonly operands: readonly string[];
  /** Type of tensors that are not `float`. */
  readonly dtypes?: Readonly<Record<string, DType>>;
  readonly values?: Values;
}

/** Runs a graph on storages of the given contents; returns all of them. */
async function computed(
  { shapes, dtypes = {} }: Pick<Check, 'shapes' | 'dtypes'>,
  append: (graph: Graph, t: (name: string) => Tensor) => void,
  values: Values,
): Promise<Record<string, number[]>> {
  const graph = new Graph();
  const tensors = new Map<string, Tensor>();
  append(graph, (name) => {
    const known = tensors.get(name);
    if (known) return known;
    const shape = shapes[name] ?? shapes[name.slice(1)];
    if (!shape) throw new Error(`no shape of ${name}`);
    const tensor = graph.whole({ name, dtype: dtypes[name] ?? 'float', length: elementCount(shape) }, shape);
    tensors.set(name, tensor);
    return tensor;
  });
  const program = await createReferenceEngine().load(makePlan({ step: graph }));
  for (const name of tensors.keys()) if (values[name]) program.write(name, values[name]);
  await program.run('step');
  const contents: Record<string, number[]> = {};
  for (const name of tensors.keys()) contents[name] = [...(await program.read(name))];
  return contents;
}

/** Compares the gradients of Σ y·dy with central differences. */
async function expectGradients(check: Check): Promise<void> {
  const random = randomValues(7);
  const values: Record<string, ArrayLike<number>> = {};
  for (const [name, shape] of Object.entries(check.shapes))
    values[name] = random.numbers(elementCount(shape), 0.2, 1.8);
  values.dy = random.numbers(elementCount(check.shapes.y!), -1, 1);
  Object.assign(values, check.values);
  const both = (graph: Graph, t: (name: string) => Tensor) => {
    check.forward(graph, t);
    check.backward(graph, t);
  };
  const gradients = await computed(check, both, values);
  const weighted = async (changed: Values) => {
    const { y } = await computed(check, check.forward, { ...values, ...changed });
    return y!.reduce((sum, value, i) => sum + value * values.dy![i]!, 0);
  };
  const epsilon = 1e-5;
  for (const name of check.operands) {
    for (let i = 0; i < elementCount(check.shapes[name]!); i++) {
      const moved = (by: number) => ({ [name]: Array.from(values[name]!, (v, j) => (j === i ? v + by : v)) });
      const difference = ((await weighted(moved(epsilon))) - (await weighted(moved(-epsilon)))) / (2 * epsilon);
      expect(gradients[`d${name}`]![i]!, `d${name}[${i}]`).toBeCloseTo(difference, 6);
    }
  }
}

const poolings: readonly SizedWindowOptions[] = [
  { size: 3, stride: 2, padding: 1 },
  { size: [2, 3], stride: [1, 2], padding: { top: 1, bottom: 0, left: 0, right: 2 }, dilation: [2, 1], ceil: true },
];

describe('gradients agree with finite differences', () => {
  it.each<SizedWindowOptions & { readonly size: readonly [number, number] }>([
    { size: [3, 3], padding: 1 },
    { size: [3, 3], stride: 2, padding: 1 },
    { size: [1, 1], stride: 2 },
    { size: [3, 3], stride: 2 },
    { size: [1, 3], stride: [2, 1], padding: { top: 1, bottom: 0, left: 0, right: 2 } },
    { size: [2, 3], stride: [2, 3], padding: [1, 2], dilation: [3, 2] },
  ])('conv2d $size/$stride+$padding', async (options) => {
    const x = [2, 5, 6, 2];
    const w = [options.size[0], options.size[1], 2, 3];
    const window = sizedWindowOf(options, x);
    await expectGradients({
      shapes: { x, w, y: windowedShape(x, window, 3) },
      forward: (graph, t) => graph.append('conv2d', { x: t('x'), w: t('w') }, { y: t('y'), moments: null }, window),
      backward: (graph, t) => {
        graph.append('conv2dInputGradient', { dy: t('dy'), w: t('w'), addend: null }, { dx: t('dx') }, window);
        graph.append('conv2dWeightGradient', { x: t('x'), dy: t('dy') }, { dw: t('dw') }, window);
      },
      operands: ['x', 'w'],
    });
  });

  it.each<SizedWindowOptions & { readonly size: readonly [number, number] }>([
    { size: [3, 3], padding: 1 },
    { size: [3, 3], stride: 2, padding: 1 },
    { size: [2, 3], stride: 2 },
    { size: [2, 3], stride: [2, 1], padding: { top: 1, bottom: 0, left: 0, right: 2 }, dilation: [1, 2] },
  ])('depthwiseConv2d $size/$stride+$padding', async (options) => {
    const x = [2, 5, 6, 3];
    const w = [options.size[0], options.size[1], 3];
    const window = sizedWindowOf(options, x);
    await expectGradients({
      shapes: { x, w, y: windowedShape(x, window, 3) },
      forward: (graph, t) =>
        graph.append('depthwiseConv2d', { x: t('x'), w: t('w') }, { y: t('y'), moments: null }, window),
      backward: (graph, t) => {
        graph.append('depthwiseConv2dInputGradient', { dy: t('dy'), w: t('w'), addend: null }, { dx: t('dx') }, window);
        graph.append('depthwiseConv2dWeightGradient', { x: t('x'), dy: t('dy') }, { dw: t('dw') }, window);
      },
      operands: ['x', 'w'],
    });
  });

  it.each<{ activation: Activation | null; name: string }>([
    { activation: null, name: 'alone' },
    { activation: { type: 'relu' }, name: 'with relu' },
    { activation: { type: 'relu6' }, name: 'with relu6' },
  ])('batch norm of a convolution’s moments, with a shortcut, $name', async ({ activation }) => {
    const shape = [2, 2, 3, 2];
    const batchStatistics = { count: 12, epsilon: 1e-3, decay: 0.9 };
    const spread = activation?.type === 'relu6' ? 4 : 1;
    const normalised = (t: (name: string) => Tensor) => ({
      x: t('u'),
      statistics: t('statistics'),
      gamma: t('gamma'),
      beta: t('beta'),
      shortcut: t('s'),
      ranges: null,
    });
    await expectGradients({
      shapes: {
        x: shape,
        w: [1, 1, 2, 2],
        u: shape,
        y: shape,
        z: shape,
        s: shape,
        moments: [2, 2],
        statistics: [2, 2],
        gamma: [2],
        beta: [2],
        runningMean: [2],
        runningVariance: [2],
      },
      forward: (graph, t) => {
        graph.append('conv2d', { x: t('x'), w: t('w') }, { y: t('u'), moments: t('moments') }, windowLike({}));
        const running = { runningMean: t('runningMean'), runningVariance: t('runningVariance') };
        graph.append(
          'batchStatistics',
          { moments: t('moments'), ...running },
          { statistics: t('statistics') },
          batchStatistics,
        );
        graph.append('batchNorm', normalised(t), { y: t('y') }, { activation });
      },
      backward: (graph, t) => {
        graph.append(
          'batchNormGradientReduce',
          { ...normalised(t), dy: t('dy') },
          { dz: t('ds'), dgamma: t('dgamma'), dbeta: t('dbeta'), sums: null },
          { activation },
        );
        const { x, statistics, gamma } = normalised(t);
        const again = { dz: t('ds'), x, statistics, gamma, dgamma: t('dgamma'), dbeta: t('dbeta') };
        graph.append('batchNormGradientApply', again, { dx: t('du') }, {});
        graph.append('conv2dInputGradient', { dy: t('du'), w: t('w'), addend: null }, { dx: t('dx') }, windowLike({}));
      },
      operands: ['x', 'gamma', 'beta', 's'],
      values: { s: randomValues(8).numbers(24, -spread, 2 * spread) },
    });
  });

  /** An operation of one operand and one result, as its gradient is. */
  const simple = async <K extends 'subsample' | 'globalAveragePool' | 'averagePool'>(
    op: K,
    attributes: Operations[K]['attributes'],
    x: Shape,
    y: Shape,
  ) =>
    expectGradients({
      shapes: { x, y },
      forward: (graph, t) => graph.append(op, { x: t('x') }, { y: t('y') }, attributes),
      backward: (graph, t) =>
        graph.append<'subsampleGradient' | 'globalAveragePoolGradient' | 'averagePoolGradient'>(
          `${op}Gradient`,
          { dy: t('dy') },
          { dx: t('dx') },
          attributes,
        ),
      operands: ['x'],
    });

  it('subsample', async () => {
    const attributes = { stride: 2, extraChannels: 2 };
    await simple('subsample', attributes, [2, 3, 4, 2], [2, 2, 2, 4]);
  });

  it('global average pool', async () => {
    await simple('globalAveragePool', {}, [2, 3, 4, 2], [2, 2]);
  });

  it('average pool, whose windows the border cuts', async () => {
    const shape = [2, 4, 5, 2];
    for (const options of poolings) {
      const window = sizedWindowOf(options, shape);
      const countsPadding = window.rows.stride === 2;
      await simple('averagePool', { ...window, countsPadding }, shape, windowedShape(shape, window, 2));
    }
  });

  it.each(poolings)('max pool $size/$stride', async (options) => {
    const attributes = sizedWindowOf(options, [2, 5, 4, 2]);
    const pooled = windowedShape([2, 5, 4], attributes, 2);
    await expectGradients({
      shapes: { x: [2, 5, 4, 2], y: pooled, argmax: pooled },
      dtypes: { argmax: 'uint8' },
      forward: (graph, t) => graph.append('maxPool', { x: t('x') }, { y: t('y'), argmax: t('argmax') }, attributes),
      backward: (graph, t) =>
        graph.append('maxPoolGradient', { argmax: t('argmax'), dy: t('dy') }, { dx: t('dx') }, attributes),
      operands: ['x'],
    });
  });

  it.each<Activation>([
    { type: 'relu' },
    { type: 'relu6' },
    { type: 'sigmoid' },
    { type: 'hardSigmoid' },
    { type: 'hardSwish' },
    { type: 'silu' },
  ])('$type', async (activation) => {
    await expectGradients({
      shapes: { x: [40], y: [40] },
      forward: (graph, t) => graph.append('activation', { x: t('x'), ranges: null }, { y: t('y') }, { activation }),
      backward: (graph, t) =>
        graph.append(
          'activationGradient',
          { x: t('x'), ranges: null, dy: t('dy') },
          { dx: t('dx'), sums: null },
          { activation },
        ),
      operands: ['x'],
      values: { x: randomValues(9).numbers(40, -4, 9) },
    });
  });

  it('linear', async () => {
    await expectGradients({
      shapes: { x: [3, 4], w: [4, 5], b: [5], y: [3, 5] },
      forward: (graph, t) => graph.append('linear', { x: t('x'), w: t('w'), b: t('b') }, { y: t('y') }, {}),
      backward: (graph, t) => {
        graph.append('linearInputGradient', { dy: t('dy'), w: t('w') }, { dx: t('dx') }, {});
        graph.append('linearWeightGradient', { x: t('x'), dy: t('dy') }, { dw: t('dw'), db: t('db') }, {});
      },
      operands: ['x', 'w', 'b'],
    });
  });

  it('scale', async () => {
    await expectGradients({
      shapes: { x: [6], factor: [1], y: [6] },
      forward: (graph, t) => graph.append('scale', { x: t('x'), factor: t('factor') }, { y: t('y') }, {}),
      backward: (graph, t) =>
        graph.append(
          'scaleGradient',
          { x: t('x'), factor: t('factor'), dy: t('dy') },
          { dx: t('dx'), dfactor: t('dfactor') },
          {},
        ),
      operands: ['x', 'factor'],
    });
  });

  it.each([0, 0.1, 0.5])('softmax cross-entropy, with a padding label, smoothing %f', async (smoothing) => {
    await expectGradients({
      shapes: { x: [4, 3], labels: [4], y: [2] },
      dtypes: { labels: 'int32' },
      forward: (graph, t) =>
        graph.append(
          'softmaxCrossEntropy',
          { logits: t('x'), labels: t('labels'), teacher: null },
          { loss: t('y') },
          { smoothing },
        ),
      backward: (graph, t) =>
        graph.append(
          'softmaxCrossEntropyGradient',
          { logits: t('x'), labels: t('labels'), teacher: null },
          { dlogits: t('dx') },
          { smoothing },
        ),
      operands: ['x'],
      values: { labels: [2, 0, -1, 1], dy: [1, 0] },
    });
  });

  it('softmax cross-entropy with a teacher, which has no gradient', async () => {
    const attributes = { smoothing: 0.1, distillation: { temperature: 2.5, weight: 0.3 } };
    const operands = (t: (name: string) => Tensor) => ({ logits: t('x'), labels: t('labels'), teacher: t('teacher') });
    await expectGradients({
      shapes: { x: [4, 3], teacher: [4, 3], labels: [4], y: [2] },
      dtypes: { labels: 'int32' },
      forward: (graph, t) => graph.append('softmaxCrossEntropy', operands(t), { loss: t('y') }, attributes),
      backward: (graph, t) =>
        graph.append('softmaxCrossEntropyGradient', operands(t), { dlogits: t('dx') }, attributes),
      operands: ['x'],
      values: { labels: [2, 0, -1, 1], dy: [1, 0] },
    });
  });

  it.each(['values', 'labels'] as const)('elementLoss of %s', async (kind) => {
    await expectGradients({
      shapes: { x: [3, 2, 2], targets: [3, 2, 2], labels: [3], y: [2] },
      dtypes: { labels: 'int32' },
      forward: (graph, t) =>
        graph.append(
          'elementLoss',
          { outputs: t('x'), targets: t('targets'), labels: t('labels') },
          { loss: t('y') },
          { kind },
        ),
      backward: (graph, t) =>
        graph.append(
          'elementLossGradient',
          { outputs: t('x'), targets: t('targets'), labels: t('labels') },
          { doutputs: t('dx') },
          { kind },
        ),
      operands: ['x'],
      values: { labels: [0, -1, 4], targets: [0, 1, 0.25, -1, 1, 1, 0, 0, 1, 0, 0.5, -1], dy: [1, 0] },
    });
  });
});

describe('values worked out by hand', () => {
  it('convolution: taps are not flipped, padding is zero, moments are biased', async () => {
    const { y, moments } = await computed(
      { shapes: { x: [1, 1, 3, 1], w: [3, 3, 1, 1], y: [1, 1, 3, 1], moments: [2, 1] } },
      (graph, t) =>
        graph.append(
          'conv2d',
          { x: t('x'), w: t('w') },
          { y: t('y'), moments: t('moments') },
          windowLike({ padding: 1 }),
        ),
      { x: [1, 2, 3], w: [9, 9, 9, 10, 1, 100, 9, 9, 9] },
    );
    expect(y).toEqual([201, 312, 23]);
    expect(moments![0]).toBeCloseTo(536 / 3, 10);
    expect(moments![1]).toBeCloseTo((201 ** 2 + 312 ** 2 + 23 ** 2) / 3 - (536 / 3) ** 2, 8);
  });

  it('batch statistics: biased for the batch, unbiased for the running variance', async () => {
    const { statistics, runningMean, runningVariance } = await computed(
      { shapes: { moments: [2, 1], runningMean: [1], runningVariance: [1], statistics: [2, 1] } },
      (graph, t) =>
        graph.append(
          'batchStatistics',
          { moments: t('moments'), runningMean: t('runningMean'), runningVariance: t('runningVariance') },
          { statistics: t('statistics') },
          {
            count: 5,
            epsilon: 0.01,
            decay: 0.75,
          },
        ),
      { moments: [3, 0.24], runningMean: [1], runningVariance: [2] },
    );
    expect(statistics![0]).toBe(3);
    expect(statistics![1]).toBeCloseTo(2, 12);
    expect(runningMean![0]).toBeCloseTo(1.5, 12);
    expect(runningVariance![0]).toBeCloseTo(1.575, 12);
  });

  it('softmax cross-entropy: log K for equal logits, the first is the prediction, −1 counts nowhere', async () => {
    const { loss } = await computed(
      { shapes: { logits: [4, 2], labels: [4], loss: [2] }, dtypes: { labels: 'int32' } },
      (graph, t) =>
        graph.append(
          'softmaxCrossEntropy',
          { logits: t('logits'), labels: t('labels'), teacher: null },
          { loss: t('loss') },
          {},
        ),
      { logits: [5, 5, 800, 800, 1, 9, 0, 0], labels: [0, 1, -1, -1] },
    );
    expect(loss![0]).toBeCloseTo((2 * Math.log(2)) / 4, 12);
    expect(loss![1]).toBe(1);
  });

  it('losses of single outputs: padding and unknown labels count nowhere, but divide', async () => {
    const lossOf = async (kind: 'values' | 'labels', outputs: number[], targets: number[], labels: number[]) => {
      const shape = [labels.length, outputs.length / labels.length];
      const { loss } = await computed(
        { shapes: { outputs: shape, targets: shape, labels: [labels.length], loss: [2] }, dtypes: { labels: 'int32' } },
        (graph, t) =>
          graph.append(
            'elementLoss',
            { outputs: t('outputs'), targets: t('targets'), labels: t('labels') },
            { loss: t('loss') },
            { kind },
          ),
        { outputs, targets, labels },
      );
      return loss!;
    };
    expect(await lossOf('values', [1, 2, 9, 9], [0, 4, 0, 0], [0, -1])).toEqual([5 / 4, 5 / 2]);
    const [loss, wrong] = await lossOf('labels', [0, Math.log(3), 7, -700, 1, 1], [1, 0, -1, 1, 0, 0], [2, -1]);
    expect(loss).toBeCloseTo((Math.log(2) + Math.log(4)) / 6, 12);
    expect(wrong).toBe(2 / 3);
    expect(await lossOf('labels', [-800, 800], [1, 0], [0])).toEqual([800, 1]);
  });

  it('smoothed labels: the mean over targets (1 − ε)·[k = label] + ε/K', async () => {
    const { loss } = await computed(
      { shapes: { logits: [1, 3], labels: [1], loss: [2] }, dtypes: { labels: 'int32' } },
      (graph, t) =>
        graph.append(
          'softmaxCrossEntropy',
          { logits: t('logits'), labels: t('labels'), teacher: null },
          { loss: t('loss') },
          { smoothing: 0.3 },
        ),
      { logits: [0, Math.log(2), Math.log(5)], labels: [1] },
    );
    const crossEntropies = [Math.log(8), Math.log(4), Math.log(8 / 5)] as const;
    expect(loss![0]).toBeCloseTo(0.1 * crossEntropies[0] + 0.8 * crossEntropies[1] + 0.1 * crossEntropies[2], 12);
    expect(loss![1]).toBe(1);
  });

  it('a teacher: T² times the divergence of its probabilities at temperature T, beside the labels', async () => {
    const { loss } = await computed(
      { shapes: { logits: [1, 2], teacher: [1, 2], labels: [1], loss: [2] }, dtypes: { labels: 'int32' } },
      (graph, t) =>
        graph.append(
          'softmaxCrossEntropy',
          { logits: t('logits'), labels: t('labels'), teacher: t('teacher') },
          { loss: t('loss') },
          { distillation: { temperature: 2, weight: 0.25 } },
        ),
      { logits: [0, Math.log(9)], teacher: [Math.log(16), 0], labels: [0] },
    );
    // At temperature 2 the network's probabilities are 1/4 and 3/4, the teacher's 4/5 and 1/5.
    const divergence = 0.8 * Math.log(0.8 / 0.25) + 0.2 * Math.log(0.2 / 0.75);
    expect(loss![0]).toBeCloseTo(0.75 * Math.log(10) + 0.25 * 4 * divergence, 12);
    expect(loss![1]).toBe(1);
  });

  it('max pool: the first of equal maxima gets the gradient, padding never wins', async () => {
    const attributes = sizedWindowLike({ size: 2, stride: 2, padding: 1 });
    const dtypes = { argmax: 'uint8' } as const;
    const square = [1, 2, 2, 1];
    const { y, dx } = await computed(
      { shapes: { x: square, y: square, argmax: square }, dtypes },
      (graph, t) => {
        graph.append('maxPool', { x: t('x') }, { y: t('y'), argmax: t('argmax') }, attributes);
        graph.append('maxPoolGradient', { argmax: t('argmax'), dy: t('dy') }, { dx: t('dx') }, attributes);
      },
      { x: [-1, -2, -3, -4], dy: [1, 2, 3, 4] },
    );
    expect(y).toEqual([-1, -2, -3, -4]);
    expect(dx).toEqual([1, 2, 3, 4]);
    const whole = sizedWindowLike({ size: 2 });
    const tied = await computed(
      { shapes: { x: square, y: [1, 1, 1, 1], argmax: [1, 1, 1, 1] }, dtypes },
      (graph, t) => {
        graph.append('maxPool', { x: t('x') }, { y: t('y'), argmax: t('argmax') }, whole);
        graph.append('maxPoolGradient', { argmax: t('argmax'), dy: t('dy') }, { dx: t('dx') }, whole);
      },
      { x: [1, 2, 2, 2], dy: [3] },
    );
    expect(tied.dx).toEqual([0, 3, 0, 0]);
  });

  it('means: a sum is divided once, so that a mean of levels that is a tie of the next quantizer stays one', async () => {
    const x = Array.from({ length: 10 }, () => 1);
    const all = await computed(
      { shapes: { x: [1, 5, 2, 1], y: [1, 1], z: [1, 1, 1, 1] } },
      (graph, t) => {
        graph.append('globalAveragePool', { x: t('x') }, { y: t('y') }, {});
        graph.append('averagePool', { x: t('x') }, { y: t('z') }, averageLike({ size: [5, 2] }));
      },
      { x },
    );
    expect([all.y, all.z]).toEqual([[1], [1]]);
  });

  it('quantization: halves away from zero, the gradient of a range from what lies beyond it', async () => {
    const activation: Activation = { type: 'quantize', row: 0, core: 'uniform', signed: true };
    const { y, dx, sums } = await computed(
      { shapes: { x: [5], ranges: [1, 2], y: [5], sums: [2] } },
      (graph, t) => {
        graph.append('activation', { x: t('x'), ranges: t('ranges') }, { y: t('y') }, { activation });
        graph.append(
          'activationGradient',
          { x: t('x'), ranges: t('ranges'), dy: t('dy') },
          { dx: t('dx'), sums: t('sums') },
          { activation },
        );
      },
      { x: [-3, -0.75, 0.25, 0.375, 2], ranges: [0.5, 1], dy: [1, 2, 4, 8, 16] },
    );
    expect(y).toEqual([-1, -1, 0.5, 0.5, 1]);
    expect(dx).toEqual([0, 2, 4, 8, 0]);
    expect(sums).toEqual([2 * -0.5 + 4 * 0.5 + 8 * 0.25, -1 + 16]);
  });

  it.each([
    { solver: { type: 'momentum', momentum: 0.5 } as const, v: 0.5 * 5 + 0.5 * 4, p: 10 - 4.5 },
    { solver: { type: 'momentum', momentum: 0.5, nesterov: true } as const, v: 4.5, p: 10 - (0.5 * 4.5 + 0.5 * 4) },
    { solver: { type: 'adam', beta1: 0.5, beta2: 0.75, epsilon: 1 } as const, v: 4.5, p: 10 - (0.5 * 4.5) / (2 + 1) },
  ])('$solver with weight decay', async ({ solver, v, p }) => {
    const state = await computed(
      { shapes: { p: [1], g: [1], v: [1], m: [1], control: [CONTROL_LENGTH] } },
      (graph, t) => {
        const secondMoment = solver.type === 'adam' ? t('m') : null;
        const operands = {
          parameters: t('p'),
          gradients: t('g'),
          velocity: t('v'),
          secondMoment,
          control: t('control'),
        };
        graph.append('parameterUpdate', operands, {}, { solver, weightDecay: 0.1 });
      },
      { p: [10], g: [3], v: [5], m: [0], control: [0.5, 0, 0, 0, 0, 0] },
    );
    expect(state.v![0]).toBeCloseTo(v, 12);
    expect(state.p![0]).toBeCloseTo(p, 12);
    expect(state.g).toEqual([3]);
  });

  it('a moving average goes its weight of the way', async () => {
    const state = await computed(
      { shapes: { x: [2], average: [2], control: [CONTROL_LENGTH] } },
      (graph, t) =>
        graph.append('movingAverage', { values: t('x'), average: t('average'), control: t('control') }, {}, {}),
      { x: [3, -1], average: [1, -1], control: [9, 9, 9, 0.25, 9, 9] },
    );
    expect(state).toMatchObject({ x: [3, -1], average: [1.5, -1] });
  });
});

describe('memory', () => {
  it.each([...chainCases(), ...trainingCases()])(
    'shared and overwritten in place, does not change: $name',
    async (given) => {
      const shared = await statesOf(createReferenceEngine(), given);
      const apart = { ...given, plan: withoutSharing(given.plan) };
      expect(shared).toEqual(await statesOf(createReferenceEngine(), apart));
    },
  );

  it('is shared at all', async () => {
    const [first] = trainingCases();
    const bytes = async (plan: Plan) => (await createReferenceEngine().load(plan)).planBytes;
    expect(await bytes(first!.plan)).toBeLessThan(0.8 * (await bytes(withoutSharing(first!.plan))));
  });
});

/** The plan with a storage for every transient tensor. */
function withoutSharing(plan: Plan): Plan {
  const copies = new Map<Tensor, Tensor>();
  const own = (tensor: Tensor): Tensor => {
    if (tensor.view) return tensor;
    const known = copies.get(tensor);
    if (known) return known;
    const storage = { name: `own${tensor.id}`, dtype: tensor.dtype, length: elementCount(tensor.shape) };
    const copy = { ...tensor, view: { storage, offset: 0 } };
    copies.set(tensor, copy);
    return copy;
  };
  const ofItsOwn = <T extends Tensors>(tensors: T): T =>
    Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor && own(tensor)])) as T;
  const phases = Object.entries(plan.phases).map(([name, nodes]) => {
    const graph = new Graph();
    for (const { op, operands, results, attributes } of nodes) {
      graph.append(op, ofItsOwn(operands), ofItsOwn(results), attributes);
    }
    return [name, graph] as const;
  });
  return makePlan(Object.fromEntries(phases));
}
