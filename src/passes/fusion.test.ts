import { describe, expect, it } from 'vitest';
import { Graph, resultsOf } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';
import { activation } from '../ops/activation.js';
import { add } from '../ops/add.js';
import { batchNorm } from '../ops/batchNorm.js';
import { fuse } from './fusion.js';
import { prune } from './pruning.js';

function normalised(graph: Graph): { x: Tensor; y: Tensor; shortcut: Tensor; ranges: Tensor } {
  const channels = (name: string) => graph.tensor(name, [4]);
  const x = graph.tensor('x', [1, 2, 2, 4]);
  const statistics = graph.tensor('statistics', [2, 4]);
  return {
    x,
    y: batchNorm(graph, x, statistics, channels('gamma'), channels('beta')),
    shortcut: graph.tensor('shortcut', [1, 2, 2, 4]),
    ranges: graph.tensor('ranges', [1, 2]),
  };
}

describe('fusion', () => {
  it('takes the shortcut and the activation into the batch normalisation', () => {
    const graph = new Graph();
    const { x, y, shortcut, ranges } = normalised(graph);
    const out = activation(graph, add(graph, y, shortcut), ranges, { type: 'relu' });
    fuse(graph);
    expect(graph.nodes).toHaveLength(1);
    const [node] = graph.nodes;
    expect(node).toMatchObject({ op: 'batchNorm', attributes: { activation: { type: 'relu' } } });
    expect(node?.operands).toMatchObject({ x, shortcut });
    expect(node?.results).toEqual({ y: out });
  });

  it('leaves what is read twice', () => {
    const graph = new Graph();
    const { y, shortcut, ranges } = normalised(graph);
    activation(graph, y, ranges, { type: 'relu' });
    add(graph, y, shortcut);
    fuse(graph);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['batchNorm', 'activation', 'add']);
  });

  it('puts the fused node where all of its operands exist', () => {
    const graph = new Graph();
    const main = normalised(graph);
    const side = normalised(graph);
    const sum = add(graph, main.y, side.y);
    fuse(graph);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['batchNorm', 'batchNorm']);
    expect(graph.nodes[1]?.results).toEqual({ y: sum });
    expect(graph.nodes[1]?.operands).toMatchObject({ shortcut: resultsOf(graph.nodes[0]!)[0] });
  });
});

describe('pruning', () => {
  it('keeps what a storage or a later node needs', () => {
    const graph = new Graph();
    const { x, shortcut } = normalised(graph);
    const kept = add(graph, x, shortcut);
    const stored = add(graph, kept, shortcut);
    stored.view = { storage: { name: 's', dtype: 'float', length: 16 }, offset: 0 };
    add(graph, kept, kept);
    prune(graph);
    expect(graph.nodes.map((node) => resultsOf(node)[0])).toEqual([kept, stored]);
  });
});
