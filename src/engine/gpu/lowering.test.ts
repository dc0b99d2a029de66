import { expect, it } from 'vitest';
import { windowLike } from '../../../test/engine/windows.js';
import { Graph } from '../../graph/index.js';
import { elementCount } from '../../graph/tensor.js';
import { makePlan } from '../../passes/index.js';
import * as kernels from './kernels/matrixKernels.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';

/** Operations of each dispatch of the gradients of branches, all of one kind before all of the next, in tiles of rows. */
function dispatchesOf(branches: number): string[] {
  const graph = new Graph();
  const shape = [2, 32, 16, 16];
  const stored = (name: string, of: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: elementCount(of) }, of);
  const x = stored('x', shape);
  const given = { x, statistics: stored('statistics', [2, 16]), gamma: stored('gamma', [16]) };
  const behind = { beta: stored('beta', [16]), shortcut: null, ranges: null };
  const upstream = { dy: stored('dy', shape), w: stored('w', [3, 3, 16, 16]), addend: null };
  const gradients = Array.from({ length: branches }, (_, i) => graph.tensor(`dx ${i}`, shape));
  for (const dx of gradients) graph.append('conv2dInputGradient', upstream, { dx }, windowLike({ padding: 1 }));
  gradients.forEach((_, i) => {
    const weights = { dw: stored(`dw ${i}`, [3, 3, 16, 16]) };
    graph.append('conv2dWeightGradient', { x, dy: upstream.dy }, weights, windowLike({ padding: 1 }));
  });
  gradients.forEach((dy, i) => {
    const parameters = { dgamma: stored(`dgamma ${i}`, [16]), dbeta: stored(`dbeta ${i}`, [16]) };
    const dz = graph.tensor(`dz ${i}`, shape);
    const activation = { type: 'relu' } as const;
    graph.append(
      'batchNormGradientReduce',
      { ...given, ...behind, dy },
      { dz, ...parameters, sums: null },
      { activation },
    );
    graph.append('batchNormGradientApply', { dz, ...given, ...parameters }, { dx: stored(`result ${i}`, shape) }, {});
  });
  const plan = makePlan({ step: graph });
  const matrixUnits = { precision: 'float16', workgroupBytes: 49_152, kernels } as const;
  const choose = (_: string, candidates: number) => candidates - 1;
  const calls = lowerPhase(
    plan.phases.step!,
    placePlan(plan, { matrixUnits, choose, mostBuffers: 10 }).forPhase('step'),
  );
  return calls.filter(({ call }) => !call.sums).flatMap(({ nodes }) => nodes[0]!.op);
}

it('keeps partial sums that a reduction far behind reads, of some branches; the others reduce by themselves', () => {
  const reductions = (branches: number) =>
    dispatchesOf(branches).filter((op) => op === 'batchNormGradientReduce').length;
  expect([1, 3, 4, 8].map(reductions)).toEqual([0, 0, 1, 5]);
});
