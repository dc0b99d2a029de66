/** Batch norm and what is fused with it: every activation, with and without a shortcut. */

import type { Shape } from '../../../src/graph/tensor.js';
import type { Activation } from '../../../src/ops/attributes.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import {
  activationName,
  activations,
  isSmoothAt,
  randomValues,
  rangesOf,
  spreadOf,
  sumOfMagnitudes,
} from '../randomValues.js';

const shapes = [
  [2, 4, 4, 16],
  [3, 7, 7, 5],
  [5, 2, 2, 64],
  [1, 1, 1, 3],
  [1, 8, 8, 7],
  [1, 32, 32, 16],
] as const;

export function batchNormCases(): ConformanceCase[] {
  const fused = [null, ...activations].flatMap((activation, i) => [
    forwardAndBackward(activation, false, shapes[(2 * i) % shapes.length]!, 300 + i),
    forwardAndBackward(activation, true, shapes[(2 * i + 1) % shapes.length]!, 400 + i),
    forwardAndBackward(activation, true, shapes[(2 * i + 2) % shapes.length]!, 500 + i),
  ]);
  return [
    ...fused,
    // Features, of four channels at a time and of single ones.
    forwardAndBackward(null, false, [5, 24], 650),
    forwardAndBackward({ type: 'relu' }, true, [3, 7], 651),
    // The last one has more tiles than a workgroup combines on a GPU.
    ...[...shapes, [2, 41, 50, 256], [5, 24]].map(moments),
    ...[1, 3, 5, 16, 64].map((channels) => statistics(channels, 50)),
    statistics(7, 1),
  ];
}

function forwardAndBackward(
  activation: Activation | null,
  withShortcut: boolean,
  shape: Shape,
  seed: number,
): ConformanceCase {
  const random = randomValues(seed);
  const channels = shape.at(-1)!;
  const length = shape.reduce((a, b) => a * b, 1);
  const mean = random.numbers(channels, -0.5, 0.5);
  const invstd = random.numbers(channels, 0.5, 2);
  const gamma = random.numbers(channels, 0.5, 1.5);
  const beta = random.numbers(channels, -0.5, 0.5);
  const shortcut = random.numbers(length, -0.5, 0.5);
  const dy = random.numbers(length);
  const spread = spreadOf(activation);
  const xs = shortcut.map((added, i) => {
    const channel = i % channels;
    for (;;) {
      const x = random.number(-spread, spread);
      const xhat = (x - mean[channel]!) * invstd[channel]!;
      const z = gamma[channel]! * xhat + beta[channel]! + (withShortcut ? added : 0);
      if (isSmoothAt(activation, z)) return x;
    }
  });

  const c = caseBuilder();
  const quantized = activation?.type === 'quantize';
  const x = c.input('x', shape, xs);
  const statistics = c.input('statistics', [2, channels], [...mean, ...invstd]);
  const g = c.input('gamma', [channels], gamma);
  const b = c.input('beta', [channels], beta);
  const s = withShortcut ? c.input('shortcut', shape, shortcut) : null;
  const ranges = quantized ? c.input('ranges', [3, 2], rangesOf[activation.core]) : null;
  const upstream = c.input('dy', shape, dy);
  const perChannel = { scale: (4 * spread * sumOfMagnitudes(dy)) / channels };
  const dz = c.output('dz', shape);
  const dgamma = c.output('dgamma', [channels], perChannel);
  const dbeta = c.output('dbeta', [channels], perChannel);
  const sums = quantized ? c.output('sums', [2], { scale: sumOfMagnitudes(dy) }) : null;
  const operands = { x, statistics, gamma: g, beta: b, shortcut: s, ranges };
  c.graph.append('batchNorm', operands, { y: c.output('y', shape) }, { activation });
  c.graph.append(
    'batchNormGradientReduce',
    { ...operands, dy: upstream },
    { dz, dgamma, dbeta, sums },
    {
      activation,
    },
  );
  const dx = c.output('dx', shape, { scale: 4 * spread });
  c.graph.append('batchNormGradientApply', { dz, x, statistics, gamma: g, dgamma, dbeta }, { dx }, {});
  return c.build(`${activationName(activation)}${withShortcut ? ' after a shortcut' : ''} on [${shape}]`);
}

/** By themselves, and read by nothing but statistics. */
function moments(shape: Shape, index: number): ConformanceCase {
  const random = randomValues(700 + index);
  const [channels, length] = [shape.at(-1)!, shape.reduce((a, b) => a * b, 1)];
  const c = caseBuilder();
  const x = c.input('x', shape, random.numbers(length, 1, 3));
  const mean = c.state('runningMean', [channels], random.numbers(channels));
  const variance = c.state('runningVariance', [channels], random.numbers(channels, 0.01, 3));
  c.graph.append('channelMoments', { x }, { moments: c.output('moments', [2, channels]) }, {});
  const transient = c.graph.tensor('transient', [2, channels]);
  c.graph.append('channelMoments', { x }, { moments: transient }, {});
  c.graph.append(
    'batchStatistics',
    { moments: transient, runningMean: mean, runningVariance: variance },
    { statistics: c.output('batch', [2, channels]) },
    { count: length / channels, epsilon: 1e-2, decay: 0.9 },
  );
  return c.build(`moments of [${shape}]`);
}

function statistics(channels: number, count: number): ConformanceCase {
  const random = randomValues(600 + channels);
  const c = caseBuilder();
  const means = random.numbers(channels);
  const variances = random.numbers(channels, 0.01, 3);
  const moments = c.input('moments', [2, channels], [...means, ...variances]);
  const mean = c.state('runningMean', [channels], random.numbers(channels));
  const variance = c.state('runningVariance', [channels], random.numbers(channels, 0.01, 3));
  const epsilon = 1e-5;
  const batch = c.output('batch', [2, channels]);
  c.graph.append(
    'batchStatistics',
    { moments, runningMean: mean, runningVariance: variance },
    { statistics: batch },
    { count, epsilon, decay: 0.9 },
  );
  c.graph.append(
    'runningStatistics',
    { runningMean: mean, runningVariance: variance },
    { statistics: c.output('running', [2, channels]) },
    { epsilon },
  );
  const next = [...random.numbers(channels), ...random.numbers(channels, 0.01, 3)];
  return c.build(`statistics of ${count} elements in ${channels} channels`, [{}, { writes: { moments: next } }]);
}
