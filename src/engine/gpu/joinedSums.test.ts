import { describe, expect, it } from 'vitest';
import { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { makePlan } from '../../passes/index.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';

/** Two gradients with a sum each, and a copy of one of these between them; nodes of each dispatch. */
function dispatchesOf(copied: 'first' | 'second') {
  const graph = new Graph();
  const whole = (name: string, shape: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b, 1) }, shape);
  const [x, factor] = [whole('x', [4, 16]), whole('factor', [1, 1])];
  const sums: Record<string, Tensor> = {};
  const seen = () => graph.append('copy', { x: sums[copied]! }, { y: whole('seen', [1, 1]) }, {});
  for (const name of ['first', 'second']) {
    const dfactor = graph.tensor(name, [1, 1]);
    graph.append(
      'scaleGradient',
      { x, factor, dy: whole(`dy ${name}`, [4, 16]) },
      { dx: whole(`dx ${name}`, [4, 16]), dfactor },
      {},
    );
    sums[name] = dfactor;
    if (name === copied) seen();
  }
  const plan = makePlan({ step: graph });
  const calls = lowerPhase(plan.phases.step!, placePlan(plan).forPhase('step'));
  return calls.map(({ nodes, call }) => `${call.sums ? 'sums of ' : ''}${nodes.map(({ op }) => op).join(' + ')}`);
}

describe('sums of partial sums', () => {
  it('wait for the next ones and become one dispatch with them', () => {
    expect(dispatchesOf('second').sort()).toEqual([
      'copy',
      'scaleGradient',
      'scaleGradient',
      'sums of scaleGradient + scaleGradient',
    ]);
  });

  it('do not wait where something wants them', () => {
    expect(dispatchesOf('first').filter((dispatch) => dispatch.startsWith('sums'))).toEqual([
      'sums of scaleGradient',
      'sums of scaleGradient',
    ]);
  });
});

it('are not joined if they would write two parts of one buffer, which overlap for several networks', () => {
  const graph = new Graph();
  const whole = (name: string, shape: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b, 1) }, shape);
  const [x, factor] = [whole('x', [16, 16]), whole('factor', [1, 1])];
  // Buffers that are free again, in each of which there is room for both sums.
  const copied = (from: Tensor) => {
    const y = graph.tensor('copy', [16, 16]);
    graph.append('copy', { x: from }, { y }, {});
    return y;
  };
  const kept = (from: Tensor, name: string) => graph.append('copy', { x: from }, { y: whole(name, [16, 16]) }, {});
  const [one, ...others] = [copied(x), copied(x), copied(x)];
  others.forEach((each, index) => void kept(each, `other ${index}`));
  kept(copied(one!), 'one');
  const sums = ['first', 'second'].map((name) => {
    const [dx, dfactor] = [graph.tensor('dx', [16, 16]), graph.tensor(name, [1, 1])];
    graph.append('scaleGradient', { x, factor, dy: x }, { dx, dfactor }, {});
    kept(dx, `dx ${name}`);
    return dfactor;
  });
  graph.append('add', { a: sums[0]!, b: sums[1]! }, { y: whole('sum', [1, 1]) }, {});
  const plan = makePlan({ step: graph });
  const placement = placePlan(plan).forPhase('step');
  const [first, second] = sums.map((tensor) => placement.place(tensor).buffer);
  expect(first!.within!.buffer).toBe(second!.within!.buffer);
  const added = lowerPhase(plan.phases.step!, placement).filter(({ call }) => call.sums);
  expect(added.map(({ nodes }) => nodes.length)).toEqual([1, 1]);
});
