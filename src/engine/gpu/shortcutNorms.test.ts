/** Normalisations of shortcuts that are computed with those that add them, and tensors that then need no memory. */

import { expect, it } from 'vitest';
import { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { makePlan } from '../../passes/index.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';

const shape = [2, 8, 8, 16] as const;
const bytes = 4 * 2 * 8 * 8 * 16;

/** Two normalisations, of which one is the shortcut of the other, and their gradients. */
function added(use: (graph: Graph, tensors: { readonly shortcut: Tensor; readonly dz: Tensor }) => void = () => {}) {
  const graph = new Graph();
  const stored = (name: string) => graph.whole({ name, dtype: 'float', length: bytes / 4 }, shape);
  const wholes = new Map(
    ['statistics', 'gamma', 'beta', 'dgamma', 'dbeta'].map((name) => [
      name,
      { name, dtype: 'float', length: 64 } as const,
    ]),
  );
  const part = (name: string, index: number, of: readonly number[]) =>
    graph.tensor(name, of, { storage: wholes.get(name)!, offset: 32 * index });
  const [shortcut, dz, masked] = ['shortcut', 'dz', 'masked'].map((name) => graph.tensor(name, shape)) as Tensor[];
  const norm = (index: number, x: Tensor) => ({
    ...{ x, statistics: part('statistics', index, [2, 16]), ranges: null },
    ...{ gamma: part('gamma', index, [16]), beta: part('beta', index, [16]) },
  });
  const gradient = (index: number) => ({ dgamma: part('dgamma', index, [16]), dbeta: part('dbeta', index, [16]) });
  const beside = { ...norm(1, stored('x of shortcut')), shortcut: null };
  const main = { ...norm(0, stored('x')), shortcut: shortcut! };
  const activation = { type: 'relu' } as const;
  graph.append('batchNorm', beside, { y: shortcut! }, { activation: null });
  graph.append('batchNorm', main, { y: stored('y') }, { activation });
  const reduced = { dz: dz!, ...gradient(0), sums: null };
  graph.append('batchNormGradientReduce', { ...main, dy: stored('dy') }, reduced, { activation });
  const apply = (index: number, x: Tensor, dz: Tensor, dx: Tensor) => {
    const { statistics, gamma } = norm(index, x);
    graph.append('batchNormGradientApply', { dz, x, statistics, gamma, ...gradient(index) }, { dx }, {});
  };
  apply(0, main.x, dz!, stored('dx'));
  const reducedBeside = { dz: masked!, ...gradient(1), sums: null };
  graph.append('batchNormGradientReduce', { ...beside, dy: dz! }, reducedBeside, { activation: null });
  apply(1, beside.x, masked!, stored('dx of shortcut'));
  use(graph, { shortcut: shortcut!, dz: dz! });
  const plan = makePlan({ step: graph });
  const placement = placePlan(plan);
  const calls = lowerPhase(plan.phases.step!, placement.forPhase('step'));
  const transients = placement.buffers.filter(({ label }) => label.startsWith('transients'));
  return {
    labels: calls
      .map(({ call }) => call.label.split(' ')[0])
      .filter((label) => label !== 'copy')
      .sort(),
    bytes: transients.reduce((sum, buffer) => sum + buffer.bytes, 0),
  };
}

const labels = ['batchNorm', 'batchNormGradientApply', 'batchNormGradientReduce', 'batchNormGradientReduce'];

it('keeps nothing of a shortcut that is normalised where it is added but its gradient', () => {
  expect(added()).toEqual({ labels, bytes });
});

it('computes a normalised shortcut by itself that something else reads', () => {
  const { labels: separate } = added((graph, { shortcut }) =>
    graph.append('copy', { x: shortcut }, { y: graph.tensor('copied', shape) }, {}),
  );
  expect(separate.filter((label) => label === 'batchNorm')).toHaveLength(2);
  expect(separate.filter((label) => label === 'batchNormGradientApply')).toHaveLength(2);
});

it('stores the gradient that others read, too', () => {
  const { labels: all } = added((graph, { dz }) =>
    graph.append('copy', { x: dz }, { y: graph.tensor('copied', shape) }, {}),
  );
  expect(all).toEqual(labels);
});

it('stores a normalised shortcut that is what the other one normalises, too', () => {
  const graph = new Graph();
  const stored = (name: string, of: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: of.reduce((a, b) => a * b) }, of);
  const parameters = {
    statistics: stored('statistics', [2, 16]),
    gamma: stored('gamma', [16]),
    beta: stored('beta', [16]),
  };
  const y = graph.tensor('y', shape);
  const norm = { ...parameters, ranges: null };
  graph.append('batchNorm', { x: stored('x', shape), ...norm, shortcut: null }, { y }, { activation: null });
  graph.append('batchNorm', { x: y, ...norm, shortcut: y }, { y: stored('sum', shape) }, { activation: null });
  const plan = makePlan({ step: graph });
  expect(lowerPhase(plan.phases.step!, placePlan(plan).forPhase('step'))).toHaveLength(2);
});
