/** Whole training steps of a small quantized network, several in a row, and an evaluation between them. */

import { identityWord, packAugmentation } from '../../../src/data/augmentation.js';
import type { Tensor } from '../../../src/graph/tensor.js';
import { type Activation, CONTROL_LENGTH, METRICS_LENGTH, PENALTIES_LENGTH } from '../../../src/ops/attributes.js';
import { exampleQuantizer } from '../../exampleQuantizer.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';
import { windowLike } from '../windows.js';

const [batch, side, channels, classes] = [4, 8, 16, 10];
const count = batch * side * side;
const epsilon = 1e-5;
const window = windowLike({ padding: 1 });
const weightDecay = 2e-4;
/** Places of parameters, packed without gaps. */
const parts = { w1: 0, gamma: 432, beta: 448, w2: 464, b2: 624 } as const;
const parameterCount = 634;

const quantizer = exampleQuantizer('parametric_fp_d_xmax', { name: 'conv1/Wquant', count: 432 });

export function trainingCases(): ConformanceCase[] {
  return [
    training('three steps, an evaluation with padding, another step', false),
    training('the same, extended', true),
  ];
}

/**
 * gather → quantized convolution → batch norm, relu → average → linear → loss, backward, updates, metrics. `extended`:
 * with Nesterov's momentum, smoothed labels, batch norm that does not decay, slower quantizers, and moving averages that
 * the evaluation reads.
 */
function training(name: string, extended: boolean): ConformanceCase {
  const solver = { type: 'momentum', momentum: 0.9, nesterov: extended } as const;
  const smoothing = extended ? 0.125 : 0;
  const random = randomValues(2400);
  const c = caseBuilder();
  const relu: Activation = { type: 'relu' };
  const quantize: Activation = { type: 'quantize', row: 0, core: 'uniform', signed: true };

  const imageShape = [batch, side, side, 3];
  const mapShape = [batch, side, side, channels];
  const images = c.input('images', [6, side, side, 3], random.integers(6 * side * side * 3, 0, 255), 'uint8');
  const labels = c.input('labels', [6], [0, 9, 3, 4, 5, 1], 'int32');
  const shifted = packAugmentation({ dy: -1, dx: 2, mirror: true });
  const entries = [
    2,
    shifted,
    0,
    identityWord,
    5,
    shifted,
    1,
    identityWord,
    3,
    shifted,
    4,
    shifted,
    2,
    65793 * 128,
    1,
    shifted,
  ];
  const padded = [5, identityWord, 3, identityWord, -1, identityWord, -1, identityWord];
  const batchTable = c.input('batchTable', [3, batch, 2], [...entries, ...padded], 'int32');
  const position = c.input('position', [1], [0], 'int32');
  const control = c.input('control', [CONTROL_LENGTH], [0.125, 0.5, 0, 0.25, 0, 0]);

  const start = [
    ...random.numbers(432, -0.3, 0.3),
    ...random.numbers(channels, 0.5, 1.5),
    ...random.numbers(channels, -0.2, 0.2),
    ...random.numbers(channels * classes, -0.5, 0.5),
    ...random.numbers(classes, -0.1, 0.1),
  ];
  const parameters = c.state('parameters', [parameterCount], start);
  const evaluated = extended ? c.state('averages', [parameterCount], start) : parameters;
  const gradients = c.output('gradients', [parameterCount]);
  const velocity = c.state('velocity', [parameterCount], new Array(parameterCount).fill(0));
  const shapes = {
    w1: [3, 3, 3, channels],
    gamma: [channels],
    beta: [channels],
    w2: [channels, classes],
    b2: [classes],
  };
  const partsOf = (whole: Tensor) => {
    const part = (name: keyof typeof parts) => c.part(whole, name, parts[name], shapes[name]);
    return { w1: part('w1'), gamma: part('gamma'), beta: part('beta'), w2: part('w2'), b2: part('b2') };
  };
  const gradient = (name: keyof typeof parts) => c.part(gradients, `d${name}`, parts[name], shapes[name]);
  const { w1, gamma, beta, w2, b2 } = partsOf(parameters);
  const runningMean = c.state('runningMean', [channels], new Array(channels).fill(0));
  const runningVariance = c.state('runningVariance', [channels], new Array(channels).fill(1));
  const table = c.state('table', [1, 2], [0.11, 0.27]);
  const tableVelocity = c.state('tableVelocity', [1, 2], [0, 0]);
  const sums = c.output('sums', [1, 2]);
  const penalties = c.output('penalties', [PENALTIES_LENGTH]);
  const loss = c.output('loss', [2]);
  const statistics = c.output('statistics', [2, channels]);
  const metrics = c.state('metrics', [METRICS_LENGTH], new Array(METRICS_LENGTH).fill(0));

  const t = c.transient;
  const gatherAttributes = { scale: [2 / 255, 2 / 255, 2 / 255], offset: [-1, -1, -1] };
  const step = c.graph;
  const [x, y] = [t('x', imageShape), t('labels', [batch], 'int32')];
  const [ranges, q1] = [t('ranges', [1, 2]), t('q1', shapes.w1)];
  const [map, moments, normal] = [t('map', mapShape), t('moments', [2, channels]), t('normal', mapShape)];
  const [pooled, logits] = [t('pooled', [batch, channels]), t('logits', [batch, classes])];
  step.append('gatherBatch', { images, labels, batchTable, position }, { x, y }, gatherAttributes);
  step.append('prepareQuantizers', { table }, { ranges }, { rows: [quantizer] });
  step.append('activation', { x: w1, ranges }, { y: q1 }, { activation: quantize });
  step.append('conv2d', { x, w: q1 }, { y: map, moments }, window);
  step.append(
    'batchStatistics',
    { moments, runningMean, runningVariance },
    { statistics },
    { count, epsilon, decay: 0.9 },
  );
  step.append(
    'batchNorm',
    { x: map, statistics, gamma, beta, shortcut: null, ranges: null },
    { y: normal },
    { activation: relu },
  );
  step.append('globalAveragePool', { x: normal }, { y: pooled }, {});
  step.append('linear', { x: pooled, w: w2, b: b2 }, { y: logits }, {});
  step.append('softmaxCrossEntropy', { logits, labels: y, teacher: null }, { loss }, { smoothing });

  const [dlogits, dpooled] = [t('dlogits', [batch, classes]), t('dpooled', [batch, channels])];
  const [dnormal, dz, dmap, dq1] = [
    t('dnormal', mapShape),
    t('dz', mapShape),
    t('dmap', mapShape),
    t('dq1', shapes.w1),
  ];
  const [dgamma, dbeta] = [gradient('gamma'), gradient('beta')];
  const activation = relu;
  step.append('softmaxCrossEntropyGradient', { logits, labels: y, teacher: null }, { dlogits }, { smoothing });
  step.append('linearWeightGradient', { x: pooled, dy: dlogits }, { dw: gradient('w2'), db: gradient('b2') }, {});
  step.append('linearInputGradient', { dy: dlogits, w: w2 }, { dx: dpooled }, {});
  step.append('globalAveragePoolGradient', { dy: dpooled }, { dx: dnormal }, {});
  step.append(
    'batchNormGradientReduce',
    { x: map, statistics, gamma, beta, shortcut: null, ranges: null, dy: dnormal },
    { dz, dgamma, dbeta, sums: null },
    {
      activation,
    },
  );
  step.append('batchNormGradientApply', { dz, x: map, statistics, gamma, dgamma, dbeta }, { dx: dmap }, {});
  step.append('conv2dWeightGradient', { x, dy: dmap }, { dw: dq1 }, window);
  step.append(
    'activationGradient',
    { x: w1, ranges, dy: dq1 },
    { dx: gradient('w1'), sums: c.part(sums, 'sums', 0, [2]) },
    {
      activation: quantize,
    },
  );

  const budget = {
    weightKbytes: 0.1,
    activationKbytes: 0,
    activationType: 'max',
    lambdaWeight: 0,
    lambdaActivation: 0,
  } as const;
  const [tableGradients, limited] = [t('tableGradients', [1, 2]), t('limited', [1, 2])];
  step.append(
    'quantizerUpdate',
    { table, sums, velocity: tableVelocity, secondMoment: null, control, bitCaps: null, keptShares: null },
    { gradients: tableGradients, limited, penalties },
    {
      rows: [quantizer],
      unquantized: { weights: 202, activations: [1024] },
      budget,
      solver,
      weightDecay,
      learningRateFactor: extended ? 0.5 : 1,
    },
  );
  const update = (begin: number, end: number, decay: number) => {
    const part = (whole: Tensor) => c.part(whole, whole.name, begin, [end - begin]);
    const vectors = { parameters: part(parameters), gradients: part(gradients), velocity: part(velocity) };
    step.append('parameterUpdate', { ...vectors, secondMoment: null, control }, {}, { solver, weightDecay: decay });
  };
  if (extended) {
    update(parts.w1, parts.gamma, weightDecay);
    update(parts.gamma, parts.w2, 0);
    update(parts.w2, parameterCount, weightDecay);
    step.append('movingAverage', { values: parameters, average: evaluated, control }, {}, {});
  } else update(0, parameterCount, weightDecay);
  const layers = [{ name: 'conv1', offset: 0, length: 2 * channels }];
  step.append('recordMetrics', { loss, penalties, statistics }, { metrics }, { layers });

  const evaluation = c.phase('evaluation');
  const e = partsOf(evaluated);
  const [ex, ey] = [t('ex', imageShape), t('ey', [batch], 'int32')];
  const [eranges, eq1, emap] = [t('eranges', [1, 2]), t('eq1', shapes.w1), t('emap', mapShape)];
  const [estatistics, enormal] = [t('estatistics', [2, channels]), t('enormal', mapShape)];
  const [epooled, elogits] = [t('epooled', [batch, channels]), t('elogits', [batch, classes])];
  evaluation.append('gatherBatch', { images, labels, batchTable, position }, { x: ex, y: ey }, gatherAttributes);
  evaluation.append('prepareQuantizers', { table }, { ranges: eranges }, { rows: [quantizer] });
  evaluation.append('activation', { x: e.w1, ranges: eranges }, { y: eq1 }, { activation: quantize });
  evaluation.append('conv2d', { x: ex, w: eq1 }, { y: emap, moments: null }, window);
  evaluation.append('runningStatistics', { runningMean, runningVariance }, { statistics: estatistics }, { epsilon });
  evaluation.append(
    'batchNorm',
    { x: emap, statistics: estatistics, gamma: e.gamma, beta: e.beta, shortcut: null, ranges: null },
    { y: enormal },
    { activation: relu },
  );
  evaluation.append('globalAveragePool', { x: enormal }, { y: epooled }, {});
  evaluation.append('linear', { x: epooled, w: e.w2, b: e.b2 }, { y: elogits }, {});
  evaluation.append('softmaxCrossEntropy', { logits: elogits, labels: ey, teacher: null }, { loss }, {});

  return c.build(name, [
    {},
    { writes: { position: [1] } },
    { writes: { position: [0], control: [0.0625, 0.25] } },
    { phase: 'evaluation', writes: { position: [2] } },
    { writes: { position: [1] } },
  ]);
}
