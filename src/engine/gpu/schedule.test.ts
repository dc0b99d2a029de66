/** Which small operations are brought together, and that what is brought together computes the same. */

import { describe, expect, it } from 'vitest';
import { waitsOf } from '../../../test/engine/waits.js';
import { windowLike } from '../../../test/engine/windows.js';
import { exampleQuantizer } from '../../../test/exampleQuantizer.js';
import { type AnyNode, Graph } from '../../graph/graph.js';
import type { Plan } from '../../graph/plan.js';
import { elementCount, type Storage, type Tensor } from '../../graph/tensor.js';
import { CONTROL_LENGTH } from '../../ops/attributes.js';
import { runningStatistics } from '../../ops/batchStatistics.js';
import { softmaxCrossEntropy } from '../../ops/softmaxCrossEntropy.js';
import { makePlan } from '../../passes/index.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';
import { schedulePlan } from './schedule.js';
import { dispatchedTogether, mostAwaited, mostTogether } from './together.js';

const storage = (name: string, length: number): Storage => ({ name, dtype: 'float', length });
const row = (index: number) =>
  ({ activation: { type: 'quantize', row: index, core: 'uniform', signed: true } }) as const;

/** Layers whose gradients come last layer first, of weights of these lengths, and what is done between two of them. */
function masked(
  lengths: readonly number[],
  between: (graph: Graph, layer: number, dx: Tensor) => void = () => {},
  isUpdated = true,
) {
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
  if (isUpdated) {
    const [all, of, velocity] = [parameters!, gradients!, storage('velocity', offset)].map((each) => graph.whole(each));
    const control = graph.whole(storage('control', CONTROL_LENGTH));
    const update = { solver: { type: 'momentum', momentum: 0.9 }, weightDecay: 0 } as const;
    const vectors = { parameters: all!, gradients: of!, velocity: velocity!, secondMoment: null };
    graph.append('parameterUpdate', { ...vectors, control }, {}, update);
  }
  return schedulePlan(makePlan({ step: graph }));
}

const shortNames = new Map([
  ['activationGradient', 'mask'],
  ['parameterUpdate', 'update'],
]);
const ops = (nodes: readonly AnyNode[]) => nodes.map(({ op }) => shortNames.get(op) ?? op).join(' ');

describe('gradients of weights', () => {
  it('are made where the masks leave them, which wait for as many as a dispatch takes', () => {
    const plan = masked(Array(mostTogether + 2).fill(8));
    const nodes = plan.phases.step!;
    const times = (count: number, op: string) => Array(count).fill(op).join(' ');
    const expected = [
      'prepareQuantizers',
      times(mostTogether, 'copy'),
      times(mostTogether, 'mask'),
      times(2, 'copy'),
      times(2, 'mask'),
      'update',
    ];
    expect(ops(nodes)).toBe(expected.join(' '));
    for (const node of nodes) {
      if (node.op === 'copy') expect(node.results.y.view?.storage.name).toBe('gradients');
      if (node.op === 'activationGradient') expect(node.operands.dy).toBe(node.results.dx);
    }
    const groups = dispatchedTogether(nodes, placePlan(plan).forPhase('step'));
    expect(groups.map((group) => group.length).filter((length) => length > 1)).toEqual([mostTogether, 2]);
  });

  it('are masked before anything uses them', () => {
    const reads = (graph: Graph, layer: number, dx: Tensor) => {
      if (layer === 1) graph.append('copy', { x: dx }, { y: graph.whole(storage('seen', 8)) }, {});
    };
    expect(ops(masked([8, 8, 8], reads).phases.step!)).toBe(
      'prepareQuantizers copy copy mask mask copy copy mask update',
    );
  });

  it('are masked in time for those who wait for the phase, whose last mask comes alone', () => {
    const nodes = masked([8, 8, 8], undefined, false).phases.step!;
    expect(ops(nodes)).toBe('prepareQuantizers copy copy mask mask copy mask');
  });

  it('are masked a few at a time for those who wait for the phase', () => {
    const times = (count: number, op: string) => Array(count).fill(op).join(' ');
    const few = `${times(mostAwaited, 'copy')} ${times(mostAwaited, 'mask')}`;
    const nodes = masked(Array(2 * mostAwaited + 1).fill(8), undefined, false).phases.step!;
    expect(ops(nodes)).toBe(`prepareQuantizers ${few} ${few} copy mask`);
  });

  it('stay where they are if their length is no multiple of four', () => {
    const nodes = masked([8, 10, 8]).phases.step!;
    expect(ops(nodes)).toBe('prepareQuantizers copy copy mask copy mask mask update');
  });
});

describe('statistics of running moments', () => {
  it('come first, and are dispatched together', () => {
    const graph = new Graph();
    const running = storage('running', 24);
    const moments = (index: number) => graph.tensor(`moments ${index}`, [4], { storage: running, offset: 4 * index });
    let x = graph.whole(storage('x', 8), [2, 4]);
    for (const layer of [0, 1, 2]) {
      const statistics = runningStatistics(graph, { mean: moments(2 * layer), variance: moments(2 * layer + 1) }, 1e-5);
      const y = layer === 2 ? graph.whole(storage('y', 8), [2, 4]) : graph.tensor('y', [2, 4]);
      graph.append('add', { a: x, b: statistics }, { y }, {});
      x = y;
    }
    const plan = schedulePlan(makePlan({ step: graph }));
    const nodes = plan.phases.step!;
    expect(ops(nodes)).toBe(`${Array(3).fill('runningStatistics').join(' ')} add add add`);
    const groups = dispatchedTogether(nodes, placePlan(plan).forPhase('step'));
    expect(groups.map((group) => group.length)).toEqual([3, 1, 1, 1]);
  });
});

describe('gradients of a shortcut that skips pixels', () => {
  const of = (kernel: number, stride: number) => {
    const graph = new Graph();
    const window = windowLike({ stride, padding: (kernel - 1) / 2 });
    const tensor = (name: string, shape: readonly number[]) => graph.whole(storage(name, elementCount(shape)), shape);
    const shape = [2, 8, 8, 16];
    const dy = tensor('dy', [2, 8 / stride, 8 / stride, 16]);
    const w = tensor('w', [kernel, kernel, 16, 16]);
    const dx = graph.tensor('dx', shape);
    const sum = graph.tensor('sum', shape);
    graph.append('conv2dInputGradient', { dy, w, addend: null }, { dx }, window);
    const whole = { dy: tensor('dy2', shape), w: tensor('w2', [3, 3, 16, 16]) };
    graph.append('conv2dInputGradient', { ...whole, addend: dx }, { dx: sum }, windowLike({ padding: 1 }));
    graph.append('copy', { x: sum }, { y: tensor('y', shape) }, {});
    return schedulePlan(makePlan({ step: graph }));
  };
  const workgroups = (plan: Plan) =>
    lowerPhase(plan.phases.step!, placePlan(plan).forPhase('step')).map(({ call }) => call.workgroups[2]);

  it('come last, and compute those of the pixels that are seen', () => {
    const plan = of(1, 2);
    const [first, second] = plan.phases.step!;
    expect(first).toMatchObject({ operands: { dy: { name: 'dy2' }, addend: null }, results: { dx: { name: 'dx' } } });
    expect(second?.operands).toMatchObject({ dy: { name: 'dy' }, addend: { name: 'dx' } });
    expect(workgroups(plan)).toEqual([1, 1, 1]);
  });

  it.each([
    [1, 1, [1, 1, 1]],
    [3, 2, [4, 1, 1]],
  ])('keep their place if windows of %i have stride %i', (kernel, stride, phases) => {
    const plan = of(kernel, stride);
    expect(plan.phases.step![0]?.operands).toMatchObject({ dy: { name: 'dy' }, addend: null });
    expect(workgroups(plan)).toEqual(phases);
  });

  it('keep their place if they are the upstream gradients of another convolution', () => {
    const graph = new Graph();
    const tensor = (name: string, shape: readonly number[]) => graph.whole(storage(name, elementCount(shape)), shape);
    const [large, w] = [[2, 8, 8, 16], tensor('w', [1, 1, 16, 16])] as const;
    const dx = graph.tensor('dx', large);
    const operands = { dy: tensor('dy', [2, 4, 4, 16]), w, addend: null };
    graph.append('conv2dInputGradient', operands, { dx }, windowLike({ stride: 2 }));
    const before = { dy: dx, w, addend: null };
    graph.append('conv2dInputGradient', before, { dx: tensor('before', large) }, windowLike({}));
    const plan = makePlan({ step: graph });
    expect(schedulePlan(plan).phases.step).toEqual(plan.phases.step);
  });
});

describe('a teacher', () => {
  /** Networks of so many layers that read one batch; each layer is a copy. */
  const taught = (teacherLayers: number, pupilLayers: number) => {
    const graph = new Graph();
    const rows = (name: string, whole?: Storage) =>
      graph.tensor(name, [4, 10], whole ? { storage: whole, offset: 0 } : null);
    const copy = (x: Tensor, y: Tensor): Tensor => {
      graph.append('copy', { x }, { y }, {});
      return y;
    };
    const batch = copy(rows('images', storage('images', 40)), rows('batch'));
    const outputs = (name: string, layers: number, whole?: Storage) => {
      let x = batch;
      for (let layer = 1; layer <= layers; layer++)
        x = copy(x, rows(`${name}${layer}`, layer === layers ? whole : undefined));
      return x;
    };
    const teacher = outputs('t', teacherLayers);
    const logits = outputs('p', pupilLayers, storage('logits', 40));
    const labels = graph.whole({ name: 'labels', dtype: 'int32', length: 4 });
    const view = { storage: storage('loss', 2), offset: 0 };
    softmaxCrossEntropy(graph, logits, labels, view, 0, {
      logits: teacher,
      distillation: { temperature: 2, weight: 0.5 },
    });
    return schedulePlan(makePlan({ step: graph }));
  };
  const names = (nodes: readonly AnyNode[]) =>
    nodes.map(({ results }) => (Object.values(results)[0] as Tensor).name).join(' ');

  it.each([
    [3, 3, 'batch t1 p1 t2 p2 t3 p3 loss'],
    [4, 2, 'batch t1 p1 t2 p2 t3 t4 loss'],
    [1, 3, 'batch t1 p1 p2 p3 loss'],
  ])('of %d layers runs beside a network of %d', (teacherLayers, pupilLayers, order) => {
    const plan = taught(teacherLayers, pupilLayers);
    expect(names(plan.phases.step!)).toBe(order);
    const calls = lowerPhase(plan.phases.step!, placePlan(plan).forPhase('step')).map(({ call }) => call);
    // One wait for each layer of the deeper one, and one for the loss.
    expect(waitsOf(calls)).toBe(Math.max(teacherLayers, pupilLayers) + 1);
  });
});
