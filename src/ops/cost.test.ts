/** Costs against numbers that are known otherwise: of whole networks from the literature, of single operations by hand. */

import { describe, expect, it } from 'vitest';
import { type AnyNode, Graph } from '../graph/graph.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { costOf } from './cost.js';
import { maxPool } from './maxPool.js';

function nodes(model: string, imageSize: number, classes: number, phase: string): readonly AnyNode[] {
  const experiment = experimentFromSettings('cost', 'test', { model, batch_size: 2 });
  const shape = { classes, imageShape: [imageSize, imageSize, 3] as const, trainImages: 2, evaluationImages: 2 };
  return buildTrainingProgram(programOptions(experiment, shape, null)).plan.phases[phase]!;
}

const multiplyAddsPerImage = (list: readonly AnyNode[]) =>
  list.reduce((sum, node) => sum + costOf(node).flops / 2 / 2, 0);

describe('costs', () => {
  it.each([
    // 40.81 million where the two shortcuts that change channels are convolutions.
    ['resnet20', 32, 10, 40.81e6 - 2 * 131_072],
    ['resnet18', 224, 1000, 1.814e9],
    ['mobilenetv2', 224, 1000, 300.8e6],
  ] as const)('of %s at %i: the multiply-adds of the literature', (model, imageSize, classes, expected) => {
    const forward = multiplyAddsPerImage(nodes(model, imageSize, classes, 'evaluate'));
    expect(Math.abs(forward / expected - 1)).toBeLessThan(1e-3);
    const first = nodes(model, imageSize, classes, 'evaluate').find(({ op }) => op === 'conv2d')!;
    // Images have no gradient.
    const step = multiplyAddsPerImage(nodes(model, imageSize, classes, 'train'));
    expect(step).toBe(3 * forward - costOf(first).flops / 2 / 2);
  });

  it('count bytes once, in both directions where an operation works in place', () => {
    const graph = new Graph();
    const float = (length: number) => graph.whole({ name: `${length}`, dtype: 'float', length });
    const [a, b, c] = [float(10), float(11), float(12)];
    graph.append('add', { a, b }, { y: c }, {});
    const solver = { type: 'momentum', momentum: 0.9 } as const;
    graph.append(
      'parameterUpdate',
      { parameters: a, gradients: b, velocity: c, secondMoment: null, control: float(3) },
      {},
      { solver, weightDecay: 0 },
    );
    const images = graph.whole({ name: 'images', dtype: 'uint8', length: 5000 }, [50, 10, 10, 1]);
    const x = graph.tensor('x', [2, 10, 10, 1]);
    graph.append(
      'gatherBatch',
      { images, labels: float(50), batchTable: float(4), position: float(1) },
      { x, y: float(2) },
      { scale: [1], offset: [0] },
    );
    expect(graph.nodes.map((node) => costOf(node))).toEqual([
      { flops: 0, bytes: 4 * (10 + 11 + 12) },
      { flops: 0, bytes: 4 * (10 + 11 + 12 + 3 + 10 + 12) },
      { flops: 0, bytes: 200 + 4 * (2 + 2 + 1) + 4 * (200 + 2) },
    ]);
  });

  it('count a byte where a byte is kept', () => {
    const graph = new Graph();
    maxPool(graph, graph.tensor('x', [2, 8, 8, 4]), { size: 2, stride: 2, padding: 0 }, true);
    // The places of the largest values take a byte each.
    expect(costOf(graph.nodes[0]!).bytes).toBe(4 * (512 + 128) + 128);
  });
});
