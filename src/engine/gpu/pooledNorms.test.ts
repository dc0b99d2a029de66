/** Normalisations that are computed with the pooling behind them, and tensors that then need no memory. */

import { expect, it } from 'vitest';
import { sizedWindowLike } from '../../../test/engine/windows.js';
import { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { makePlan } from '../../passes/index.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';

/** A normalisation of images with so many channels, max pooling, and their gradients. */
function pooled(channels: number, use: (graph: Graph, tensor: Tensor) => void = () => {}) {
  const graph = new Graph();
  const [large, small] = [
    [2, 32, 32, channels],
    [2, 16, 16, channels],
  ] as const;
  const window = sizedWindowLike({ size: 3, stride: 2, padding: 1 });
  const stored = (name: string, shape: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
  const perChannel = (name: string) => stored(name, [channels]);
  const [y, upstream, dz] = ['y', 'upstream', 'dz'].map((name) => graph.tensor(name, large)) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const argmax = graph.tensor('argmax', small, null, 'uint8');
  const x = stored('x', large);
  const statistics = stored('statistics', [2, channels]);
  const [gamma, beta] = [perChannel('gamma'), perChannel('beta')];
  const [dgamma, dbeta] = [perChannel('dgamma'), perChannel('dbeta')];
  const norm = { x, statistics, gamma, beta, shortcut: null, ranges: null };
  const activation = { type: 'relu' } as const;
  graph.append('batchNorm', norm, { y }, { activation });
  graph.append('maxPool', { x: y }, { y: stored('pooled', small), argmax }, window);
  graph.append('maxPoolGradient', { argmax, dy: stored('dy', small) }, { dx: upstream }, window);
  graph.append('batchNormGradientReduce', { ...norm, dy: upstream }, { dz, dgamma, dbeta, sums: null }, { activation });
  const applied = { dz, x, statistics, gamma, dgamma, dbeta };
  graph.append('batchNormGradientApply', applied, { dx: stored('dx', large) }, {});
  use(graph, y);
  const plan = makePlan({ step: graph });
  const placement = placePlan(plan);
  const calls = lowerPhase(plan.phases.step!, placement.forPhase('step'));
  const transients = placement.buffers.filter(({ label }) => label.startsWith('transients'));
  return {
    labels: calls.map(({ call }) => call.label.split(' ')[0]).filter((label) => label !== 'copy'),
    bytes: transients.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

const gradient = ['batchNormGradientReduce', 'batchNormGradientReduce', 'batchNormGradientApply'];

it('keeps nothing between a normalisation and pooling but the places of the maxima', () => {
  const { labels, bytes } = pooled(8);
  expect(labels).toEqual(['maxPool', ...gradient]);
  expect(bytes).toBe(2 * 16 * 16 * 8);
});

it('computes a normalisation by itself that something else reads', () => {
  const copied = pooled(8, (graph, y) => graph.append('copy', { x: y }, { y: graph.tensor('copied', y.shape) }, {}));
  expect(copied.labels).toEqual(['batchNorm', 'maxPool', ...gradient]);
});

it('computes channels by themselves that do not come in fours', () => {
  expect(pooled(6).labels).toEqual(['batchNorm', 'maxPool', 'maxPoolGradient', ...gradient]);
});

it('computes the gradient of a mean over all pixels where it is reduced, unless something else reads it', () => {
  const labels = (use: (graph: Graph, upstream: Tensor) => void) => {
    const graph = new Graph();
    const shape = [2, 4, 4, 8];
    const stored = (name: string, of: readonly number[]) =>
      graph.whole({ name, dtype: 'float', length: of.reduce((a, b) => a * b) }, of);
    const [upstream, dz] = [graph.tensor('upstream', shape), graph.tensor('dz', shape)];
    const perChannel = (name: string) => stored(name, [8]);
    const parameters = {
      gamma: perChannel('gamma'),
      beta: perChannel('beta'),
      statistics: stored('statistics', [2, 8]),
    };
    graph.append('globalAveragePoolGradient', { dy: stored('dy', [2, 8]) }, { dx: upstream }, {});
    graph.append(
      'batchNormGradientReduce',
      { x: stored('x', shape), ...parameters, shortcut: null, ranges: null, dy: upstream },
      { dz, dgamma: perChannel('dgamma'), dbeta: perChannel('dbeta'), sums: null },
      { activation: { type: 'relu' } },
    );
    graph.append('copy', { x: dz }, { y: stored('seen', shape) }, {});
    use(graph, upstream);
    const plan = makePlan({ step: graph });
    const calls = lowerPhase(plan.phases.step!, placePlan(plan).forPhase('step'));
    return calls.map(({ call }) => call.label.split(' ')[0]);
  };
  const alone = labels(() => {});
  expect(alone.filter((label) => label === 'globalAveragePoolGradient')).toHaveLength(0);
  const read = labels((graph, x) => graph.append('copy', { x }, { y: graph.tensor('copied', x.shape) }, {}));
  expect(read.filter((label) => label === 'globalAveragePoolGradient')).toHaveLength(1);
});
