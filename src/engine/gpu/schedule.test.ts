/** Which small operations are brought together, and that what is brought together computes the same. */

import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../../test/exampleQuantizer.js';
import { type AnyNode, Graph } from '../../graph/graph.js';
import type { Storage, Tensor } from '../../graph/tensor.js';
import { makePlan } from '../../passes/index.js';
import { placePlan } from './placement.js';
import { schedulePlan } from './schedule.js';
import { dispatchedTogether } from './together.js';

const storage = (name: string, length: number): Storage => ({ name, dtype: 'float', length });
const row = (index: number) =>
  ({ activation: { type: 'quantize', row: index, core: 'uniform', signed: true } }) as const;

/** Layers whose gradients come last layer first, of weights of these lengths, and what is done between two of them. */
function masked(lengths: readonly number[], between: (graph: Graph, layer: number, dx: Tensor) => void = () => {}) {
  const graph = new Graph();
  const count = lengths.length;
  const [parameters, gradients, upstream] = ['parameters', 'gradients', 'upstream'].map((name) =>
    storage(
      name,
      lengths.reduce((sum, length) => sum + length, 0),
    ),
  );
  const sums = storage('sums', 2 * count);
  const ranges = graph.tensor('ranges', [count, 2]);
  const table = graph.whole(storage('table', 2 * count), [count, 2]);
  const rows = lengths.map((_, index) =>
    exampleQuantizer('parametric_fp_d_xmax', { name: `${index}`, role: 'weight' }),
  );
  graph.append('prepareQuantizers', { table }, { ranges }, { rows });
  let offset = 0;
  for (const [layer, length] of lengths.entries()) {
    const of = (where: Storage) => graph.tensor(`${where.name} ${layer}`, [length], { storage: where, offset });
    const dy = graph.tensor(`dy ${layer}`, [length]);
    const dx = of(gradients!);
    graph.append('copy', { x: of(upstream!) }, { y: dy }, {});
    const own = graph.tensor(`sums ${layer}`, [2], { storage: sums, offset: 2 * layer });
    graph.append('activationGradient', { x: of(parameters!), ranges, dy }, { dx, sums: own }, row(layer));
    between(graph, layer, dx);
    offset += length;
  }
  return schedulePlan(makePlan({ step: graph }));
}

const ops = (nodes: readonly AnyNode[]) => nodes.map(({ op }) => op.replace('activationGradient', 'mask')).join(' ');

describe('gradients of weights', () => {
  it('are made where the masks leave them, which wait for eight of them', () => {
    const plan = masked(Array(10).fill(8));
    const nodes = plan.phases.step!;
    const times = (count: number, op: string) => Array(count).fill(op).join(' ');
    const expected = ['prepareQuantizers', times(8, 'copy'), times(8, 'mask'), times(2, 'copy'), times(2, 'mask')];
    expect(ops(nodes)).toBe(expected.join(' '));
    for (const node of nodes) {
      if (node.op === 'copy') expect(node.results.y.view?.storage.name).toBe('gradients');
      if (node.op === 'activationGradient') expect(node.operands.dy).toBe(node.results.dx);
    }
    const groups = dispatchedTogether(nodes, placePlan(plan).forPhase('step'));
    expect(groups.map((group) => group.length).filter((length) => length > 1)).toEqual([8, 2]);
  });

  it('are masked before anything uses them', () => {
    const reads = (graph: Graph, layer: number, dx: Tensor) => {
      if (layer === 1) graph.append('copy', { x: dx }, { y: graph.whole(storage('seen', 8)) }, {});
    };
    expect(ops(masked([8, 8, 8], reads).phases.step!)).toBe('prepareQuantizers copy copy mask mask copy copy mask');
  });

  it('stay where they are if their length is no multiple of four', () => {
    const nodes = masked([8, 10, 8]).phases.step!;
    expect(ops(nodes)).toBe('prepareQuantizers copy copy mask copy mask mask');
  });
});
