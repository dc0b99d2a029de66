import { describe, expect, it, vi } from 'vitest';
import { engineConformance } from '../../../test/engine/conformance.js';
import { createPooledCpuEngine } from '../../../test/engine/pooledThreads.js';
import { windowLike } from '../../../test/engine/windows.js';
import { mulberry32 } from '../../../test/mulberry32.js';
import { elementCount } from '../../elementCount.js';
import { Graph } from '../../graph/index.js';
import { type Activation, CONTROL_LENGTH } from '../../ops/attributes.js';
import { makePlan } from '../../passes/index.js';
import type { Quantizer } from '../../quant/index.js';
import { openCpuEngine } from './cpuEngine.js';
import { createCpuEngine } from './index.js';
import { nodePlatform } from './nodePlatform.js';

for (const { simd, threads } of [
  { simd: 'relaxed', threads: 2 },
  { simd: 'simd', threads: 1 },
] as const) {
  engineConformance(`cpu (${simd}, ${threads})`, () => createPooledCpuEngine({ simd, threads }), {
    relative: 1e-5,
    table: 1e-5,
  });
}

describe('createCpuEngine', () => {
  it('gives the same bits for any number of threads', async () => {
    const { plan, writes, compared } = convolutionStep();
    const bits = async (threads: number) => {
      const engine = await createCpuEngine({ threads });
      const program = await engine.load(plan);
      for (const [name, values] of Object.entries(writes)) program.write(name, values);
      for (let step = 0; step < 3; step++) await program.run('step');
      const states = await Promise.all(compared.map((name) => program.read(name)));
      await engine.dispose();
      return states;
    };
    const one = await bits(1);
    expect(one[0]!.some((value) => value !== 0)).toBe(true);
    expect(await bits(2)).toEqual(one);
    expect(await bits(3)).toEqual(one);
  });

  it('has 256 threads at most, on machines with more cores, too', async () => {
    const large = { ...nodePlatform, threads: async () => ({ available: 384, limit: null }) };
    const engine = await openCpuEngine(large);
    expect(engine.description).toMatch(/^256 threads, /);
    await engine.dispose();
  });

  it('times every call when asked to', async () => {
    const { plan } = convolutionStep();
    const engine = await createCpuEngine({ threads: 2, profile: true });
    const program = await engine.load(plan);
    await program.run('step');
    const entries = await program.profile();
    expect(new Set(entries.map(({ node }) => node.op))).toEqual(new Set(plan.phases.step!.map(({ op }) => op)));
    expect(entries.reduce((sum, { ms }) => sum + ms, 0)).toBeGreaterThan(0);
    await engine.dispose();
  });

  it('hands on what a host call throws, and runs on', async () => {
    const graph = new Graph();
    const pair = (name: string) => graph.whole({ name, dtype: 'float', length: 2 }, [1, 2]);
    const broken = { name: 'w', kind: 'fp', fixed: null } as unknown as Quantizer;
    const [table, ranges] = [pair('table'), pair('ranges')];
    graph.append('prepareQuantizers', { table }, { ranges }, { rows: [broken] });
    const engine = await createCpuEngine({ threads: 2 });
    const program = await engine.load(makePlan({ step: graph }));
    await expect(program.run('step')).rejects.toThrow('fixed pair');
    await expect(program.run('step')).rejects.toThrow('fixed pair');
    await engine.dispose();
  });

  it('refuses a plan beyond 4 GiB', async () => {
    const graph = new Graph();
    const x = graph.whole({ name: 'x', dtype: 'float', length: 2 ** 30 });
    graph.append('add', { a: x, b: x }, { y: x }, {});
    const engine = await createCpuEngine({ threads: 1 });
    await expect(engine.load(makePlan({ step: graph }))).rejects.toThrow('smaller batch');
    await engine.dispose();
  });

  it('refuses a plan for which there is no memory', async () => {
    const graph = new Graph();
    const x = graph.whole({ name: 'x', dtype: 'float', length: 2 ** 28 });
    graph.append('add', { a: x, b: x }, { y: x }, {});
    const engine = await createCpuEngine({ threads: 1 });
    const { Memory } = WebAssembly;
    const limited = vi.spyOn(WebAssembly, 'Memory').mockImplementation(function limit(descriptor) {
      if (descriptor.initial > 2 ** 13) throw new RangeError('WebAssembly.Memory(): could not allocate memory');
      return new Memory(descriptor);
    });
    await expect(engine.load(makePlan({ step: graph }))).rejects.toThrow(
      'the CPU engine needs 1.0 GiB, which this machine does not give it: choose a smaller batch size',
    );
    limited.mockRestore();
    await engine.dispose();
  });

  it('refuses thread counts that it cannot start', async () => {
    for (const threads of [0, Number.NaN, 1.5, 257]) {
      await expect(createCpuEngine({ threads })).rejects.toThrow(
        `threads ${threads}: give a whole number from 1 to 256`,
      );
    }
  });
});

/** Convolution, batch norm with quantizer, and back, cut into many chunks; the weights learn from step to step. */
function convolutionStep() {
  const graph = new Graph();
  const shape = [6, 24, 24, 20];
  const length = 6 * 24 * 24 * 20;
  const window = windowLike({ padding: 1 });
  const activation: Activation = { type: 'quantize', row: 0, core: 'uniform', signed: false };
  const storage = (name: string, of: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: elementCount(of) }, of);
  const [x, w] = [storage('x', shape), storage('w', [3, 3, 20, 20])];
  const [gamma, beta, ranges] = [storage('gamma', [20]), storage('beta', [20]), storage('ranges', [1, 2])];
  const [mean, variance, statistics] = [
    storage('mean', [20]),
    storage('variance', [20]),
    storage('statistics', [2, 20]),
  ];
  const [dw, dgamma, dbeta] = [storage('dw', [3, 3, 20, 20]), storage('dgamma', [20]), storage('dbeta', [20])];
  const [dx, sums, velocity, control] = [
    storage('dx', shape),
    storage('sums', [2]),
    storage('velocity', [3, 3, 20, 20]),
    storage('control', [CONTROL_LENGTH]),
  ];
  const [y, z, dz, dy] = ['y', 'z', 'dz', 'dy'].map((name) => graph.tensor(name, shape));
  const moments = graph.tensor('moments', [2, 20]);
  graph.append('conv2d', { x, w }, { y: y!, moments }, window);
  graph.append(
    'batchStatistics',
    { moments, runningMean: mean, runningVariance: variance },
    { statistics },
    { count: 3456, epsilon: 1e-5, decay: 0.9 },
  );
  const operands = { x: y!, statistics, gamma, beta, shortcut: x, ranges };
  graph.append('batchNorm', operands, { y: z! }, { activation });
  graph.append('batchNormGradientReduce', { ...operands, dy: z! }, { dz: dz!, dgamma, dbeta, sums }, { activation });
  graph.append('batchNormGradientApply', { dz: dz!, x: y!, statistics, gamma, dgamma, dbeta }, { dx: dy! }, {});
  graph.append('conv2dWeightGradient', { x, dy: dy! }, { dw }, window);
  graph.append('conv2dInputGradient', { dy: dy!, w, addend: dz! }, { dx }, window);
  graph.append(
    'parameterUpdate',
    { parameters: w, gradients: dw, velocity, secondMoment: null, control },
    {},
    {
      solver: { type: 'momentum', momentum: 0.9 },
      weightDecay: 1e-4,
    },
  );
  const random = mulberry32(7);
  const values = (count: number) => Float32Array.from({ length: count }, () => random() - 0.5);
  return {
    plan: makePlan({ step: graph }),
    writes: {
      x: values(length),
      w: values(3600),
      gamma: values(20),
      beta: values(20),
      ranges: [0.25, 1.75],
      control: [0.01],
    },
    compared: ['w', 'dx', 'dgamma', 'dbeta', 'sums', 'statistics', 'variance'],
  };
}
