/**
 * The GPU engine on SwiftShader, the software Vulkan driver of Debian's chromium package. Its compiler takes nearly all of
 * the time, seconds for large kernels: cases of sizes that call for kernels much like those of other cases are left to the
 * thorough tests. The CPU engine has all cases.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { engineConformance, families } from '../../../test/engine/conformance.js';
import { windowLike } from '../../../test/engine/windows.js';
import { exampleQuantizer } from '../../../test/exampleQuantizer.js';
import { skipsGpu } from '../../../test/softwareGpu.js';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { isThorough } from '../../../test/tier.js';
import { DeviceLost } from '../../errors.js';
import { Graph, type Plan, type Tensor } from '../../graph/index.js';
import { activation } from '../../ops/activation.js';
import { CONTROL_LENGTH } from '../../ops/attributes.js';
import { maxPool } from '../../ops/maxPool.js';
import { makePlan } from '../../passes/index.js';
import type { StorageRange } from '../../passes/lastWrite.js';
import { rounded, widened } from '../../program/bfloat16.js';
import type { Engine, Program, StorageArray, StoragePart } from '../engine.js';
import { createReferenceEngine } from '../reference/index.js';
import { openDevice } from './device.js';
import { loadProgram } from './gpuProgram.js';
import { createGpuEngine } from './index.js';
import type { MatrixUnits } from './kernel.js';
import * as kernels from './kernels/matrixKernels.js';
import { narrowFormats } from './narrowing.js';
import { availableGpu } from './nodeGpu.js';

/** Names of cases begin so. */
const leftOut = [
  ...['3x3/1+1 16→32 on', '3x3/1+1 64→64 on 2x4x4', '3x3/1+1 16→16 on 4x2x2', '3x3/1+1 3→16 on 2x8x8'],
  ...['3x3/2+1 16→32 on 1x32x32', '3x3/2+1 64→64 on', '1x1/1+0 64→64 on', '1x1/1+0 5→7 on', '1x1/2+0 16→32 on'],
  ...['3x3/1+1 5→7 on 1x1x1', '3x3/1+0 5→7 on', '7x7/1+3 5→7 on', '3x3/1+1 3→16 on 1x', '3x3/1+1 16→16 on 1x'],
  ...['3x3/2+1 depthwise 1 on', '3x3/1+1 depthwise 4 on', '3x3/1+1 depthwise 16 on', '5x5/3+1 depthwise 16 on'],
  ...['5x5/1+2 16→16 on', '7x7/2+3 3→16 on', '3x3/1+1 depthwise 96 on', '3x3/1+1 depthwise 20 on'],
  ...['3x3/2+1 depthwise 136 on', '3x3/2+1 depthwise 7 on', '5x5/1+2 depthwise 10 on', '1x1/1+0 depthwise 8 on'],
  ...[
    '3x3/1+1 64→64 on 5x8x8',
    '3x3/2+1 depthwise 264 on',
    '3x3/1+2 depthwise 8 on',
    'moments of [2,41',
    'uneven 2x3',
    'uneven 3x3 stride',
  ],
  ...['sigmoid on [', 'sigmoid after', 'hardSigmoid on [', 'hardSigmoid after'],
  ...[
    '2 groups, 3x3 padding:1 8',
    '2 groups, 3x3  32',
    '3 groups, 1x1',
    'uneven 10x4',
    'uneven 1x5',
    'uneven 3x3 padding',
  ],
  ...['3x3/1+1 5→7 on 2x7x4', '3x3/2+1 16→32 on 2x8x8', '1x1/2+0 5→7 on', '7x7/2+3 3→64 on', '3x3/1+0 depthwise 12 on'],
  ...['4 groups, 3x3', '2 groups, 3x3 padding:1,stride:2', '3x3/1+1 depthwise 32 on'],
  ...['adam, bit caps', 'nesterov', 'momentum, pruned', 'momentum, 720 quantizers', 'the same, extended'],
  ...['parametric_fp_d_b', 'parametric_fp_b_xmax', 'pow2(', 'signed parametric_pow2_xmin_xmax'],
];
const leavesOut = ({ name }: { readonly name: string }) =>
  !isThorough && leftOut.some((beginning) => name.startsWith(beginning));

const fourBits = exampleQuantizer('fp', { name: 'x/quant', role: 'activation', signed: true, count: 1024 });

describe.skipIf(skipsGpu)('the GPU engine', () => {
  // The table is computed in float32, where terms of a gradient may cancel; the other engines have float64 there.
  const tolerances = { relative: 1e-5, table: 1e-4 };
  engineConformance('GPU', () => createGpuEngine({ allowSoftware: true }), tolerances, leavesOut);

  it('reads parts of storages as soon as they are written, whatever is written meanwhile', async () => {
    const length = 20_000;
    const graph = new Graph();
    const [x, y, z] = ['x', 'y', 'z'].map((name) => graph.whole({ name, dtype: 'float', length }, [1, 1, length, 1]));
    graph.append('copy', { x: x! }, { y: y! }, {});
    graph.append('add', { a: y!, b: y! }, { y: z! }, { activation: 'none' });
    const short = new Graph();
    short.append('copy', { x: y! }, { y: z! }, {});
    let [collected, rests] = [0, 0];
    const idleHost = { collect: () => void collected++, rest: () => void rests++ };
    const engine = await createGpuEngine({ allowSoftware: true, idleHost });
    const program = await engine.load(makePlan({ step: graph, short }));
    const range = (storage: string, offset: number, count: number) => ({ storage, offset, length: count });
    const part = (...ranges: StorageRange[]): StoragePart => ({ ranges, isRounded: false });
    const parts = [part(range('y', 8, 2)), part(range('z', 0, 2), range('y', length - 1, 1))];
    const { runReading, place, write, writeAndRun } = (await program.transfers!())!;
    // The same parts come at another place of another phase.
    await Promise.all(runReading('short', parts));
    // Once, while the first part is awaited; not where nothing is awaited but what comes last.
    expect(collected).toBe(1);
    const restsBefore = rests;
    expect(restsBefore).toBeGreaterThan(0);
    await Promise.all(runReading('short', [parts[1]!]));
    expect({ collected, rests }).toEqual({ collected: 1, rests: restsBefore });
    const read: number[][] = [];
    for (const round of [1, 2, 3]) {
      program.write(
        'x',
        Float32Array.from({ length }, (_, i) => round * i),
      );
      const reads = runReading('step', parts);
      program.write('z', new Float32Array(length));
      read.push((await Promise.all(reads)).flatMap((values) => [...values.array()]));
    }
    expect(read).toEqual([1, 2, 3].map((round) => [8, 9, 0, 2, length - 1].map((value) => round * value)));
    expect((await program.read('z')).every((value) => value === 0)).toBe(true);
    // A part is written in its turn, again and again from the same memory.
    for (const round of [1, 2]) {
      (await place(parts[0]!)).array().set([5, 6 * round]);
      (await place(parts[1]!)).array().set([round, 3, 4]);
      program.write('z', [9, 9, 9]);
      write(parts);
      write([]);
      expect([...(await program.read('z', 0, 3)), ...(await program.read('y', length - 1))]).toEqual([round, 3, 9, 4]);
      expect([...(await program.read('y', 8, 3))]).toEqual([5, 6 * round, 30]);
    }
    // A phase finds what is written before it, and a part that is written for the first time.
    const other = part(range('y', 3, 1));
    for (const round of [1, 2]) {
      await Promise.all(runReading('step', parts));
      (await place(other)).array().set([7 + round]);
      await writeAndRun([other], 'short');
      expect([...(await program.read('z', 2, 2))]).toEqual([6, 7 + round]);
    }
    await writeAndRun([], 'step');
    expect(await program.read('z', 3, 1)).toEqual(Float32Array.of(18));
    expect(collected).toBe(6);
    await engine.dispose();
  });

  it('rounds parts that are read, and widens those that are written, as the host does', async () => {
    const graph = new Graph();
    const [x, y] = ['x', 'y'].map((name) => graph.whole({ name, dtype: 'float', length: 1001 }));
    graph.append('copy', { x: x! }, { y: y! }, {});
    const engine = await createGpuEngine({ allowSoftware: true });
    const program = await engine.load(makePlan({ step: graph }));
    // Ties, infinities, NaN with a sign and a payload, numbers that become infinite, zeros, and denormal ones.
    const special = [
      0x3f808000, 0x3f818000, 0xff800000, 0xffc12345, 0x7f800001, 0x7f7fffff, 0x80000000, 0x00000001, 0x807f8001,
    ];
    const values = new Float32Array(
      Uint32Array.from({ length: 1001 }, (_, i) => special[i] ?? Math.imul(i, 2654435761)).buffer,
    );
    program.write('x', values);
    const ranges = [
      [0, 999],
      [1000, 1],
    ].map(([offset, length]) => ({ storage: 'y', offset: offset!, length: length! }));
    const part = { ranges, isRounded: true };
    const { runReading, place, write } = (await program.transfers!())!;
    const [read] = await Promise.all(runReading('step', [part]));
    const words = [...rounded(values.subarray(0, 999)), ...rounded(values.subarray(1000))];
    expect([...read!.array()]).toEqual(words);
    const turned = Int32Array.from(words.reverse());
    (await place(part)).array().set(turned);
    write([part]);
    const wanted = Float32Array.from([
      ...widened(turned.subarray(0, 500)).subarray(0, 999),
      values[999]!,
      widened(turned)[1000]!,
    ]);
    const bits = ({ buffer }: StorageArray) => [...new Uint32Array(buffer)];
    expect(bits(await program.read('y'))).toEqual(bits(wanted));
    await engine.dispose();
  });

  it('computes networks together, and each in the order of its calls', async () => {
    const graph = new Graph();
    const [x, sum] = ['x', 'sum'].map((name) => graph.whole({ name, dtype: 'float', length: 5 }));
    graph.append('add', { a: sum!, b: x! }, { y: sum! }, { activation: 'none' });
    const once = new Graph();
    once.append('copy', { x: x! }, { y: sum! }, {});
    const engine = await createGpuEngine({ allowSoftware: true });
    const programs = await engine.loadTogether!(new Array<Plan>(3).fill(makePlan({ add: graph, once })));
    const calls = [['add', 'add', 'add', 'once', 'add'], ['once', 'add', 'add'], ['add']];
    const sums = await Promise.all(
      programs.map(async (program, network) => {
        const { write, run, read, dispose, among } = (await program)!;
        expect(among).toEqual({ place: network, networks: 3 });
        write('x', [1, 2, 3, 4, 10 ** network]);
        const [last, ...others] = calls[network]!.toReversed();
        for (const phase of others.reverse()) await run(phase);
        const accepted = run(last!);
        // It comes behind what has been asked for, although the others have not asked yet.
        write('x', [0, 0, 0, 0, 0]);
        await accepted;
        const sum = await read('sum', 3, 2);
        await dispose();
        return [...sum];
      }),
    );
    expect(sums).toEqual([
      [8, 2],
      [12, 30],
      [4, 100],
    ]);
    await engine.dispose();
  });

  it('reads and writes parts of networks together, each its own, also after another has left', async () => {
    const graph = new Graph();
    const [x, sum] = ['x', 'sum'].map((name) => graph.whole({ name, dtype: 'float', length: 8 }));
    graph.append('add', { a: sum!, b: x! }, { y: sum! }, { activation: 'none' });
    const engine = await createGpuEngine({ allowSoftware: true });
    const plan = makePlan({ add: graph });
    const programs = await Promise.all(await engine.loadTogether!([plan, plan]));
    const parts: StoragePart[] = [{ ranges: [{ storage: 'sum', offset: 2, length: 2 }], isRounded: false }];
    const transfers = await Promise.all(programs.map(async (program) => (await program!.transfers!())!));
    const step = async (network: number) => {
      const { runReading, place, writeAndRun } = transfers[network]!;
      const [read] = runReading('add', parts);
      const values = [...(await read!).array()];
      (await place(parts[0]!)).array().set([10, 20]);
      await writeAndRun(parts, 'add');
      return values;
    };
    for (const [network, program] of programs.entries()) program!.write('x', new Float32Array(8).fill(1 + network));
    expect(await Promise.all([step(0), step(1)])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(await Promise.all([step(0), step(1)])).toEqual([
      [12, 22],
      [14, 24],
    ]);
    // Commands for its next step are encoded.
    const left = transfers[0]!.runReading('add', parts).map((read) => read.catch(() => 'gone'));
    await programs[0]!.dispose();
    await Promise.all(left);
    expect(await step(1)).toEqual([14, 24]);
    expect([...(await programs[1]!.read('sum', 1, 3))]).toEqual([12, 12, 22]);
    await programs[1]!.dispose();
    await engine.dispose();
  });

  it('computes networks together whose plans differ in numbers, each as it is computed alone', async () => {
    const planOf = (weightDecay: number, momentum = 0.9) => {
      const graph = new Graph();
      const [parameters, gradients, velocity] = ['p', 'g', 'v'].map((name) =>
        graph.whole({ name, dtype: 'float', length: 64 }),
      ) as [Tensor, Tensor, Tensor];
      const control = graph.whole({ name: 'control', dtype: 'float', length: CONTROL_LENGTH });
      const solver = { type: 'momentum', momentum, nesterov: false } as const;
      const vectors = { parameters, gradients, velocity, secondMoment: null, control };
      graph.append('parameterUpdate', vectors, {}, { solver, weightDecay });
      return makePlan({ step: graph });
    };
    const updated = async (program: Program) => {
      for (const [name, scale] of [
        ['p', 1],
        ['g', 0.1],
        ['v', 0.01],
      ] as const) {
        program.write(
          name,
          Float32Array.from({ length: 64 }, (_, i) => scale * Math.sin(i)),
        );
      }
      program.write('control', new Float32Array(CONTROL_LENGTH).fill(0.3));
      for (let step = 0; step < 2; step++) await program.run('step');
      return [await program.read('p'), await program.read('v')];
    };
    const engine = await createGpuEngine({ allowSoftware: true });
    const plans = [planOf(0.1), planOf(0), planOf(0.1), planOf(0.1, 0.7)];
    const alone = await Promise.all(plans.map(async (plan) => updated(await engine.load(plan))));
    const together = await engine.loadTogether!(plans);
    expect(await Promise.all(together.map(async (program) => updated((await program)!)))).toEqual(alone);
    expect(new Set(alone.map(String)).size).toBe(3);
    await engine.dispose();
  });

  it('leaves out nothing that is not there', () => {
    const names = Object.values(families).flatMap((cases) => cases.map(({ name }) => name));
    expect(leftOut.filter((beginning) => !names.some((name) => name.startsWith(beginning)))).toEqual([]);
  });

  it('tunes tiles once, and then repeats its results to the bit', async () => {
    const tuningFile = join(temporaryFolder(), 'tiles.json');
    const graph = new Graph();
    const x = graph.whole({ name: 'x', dtype: 'float', length: 1024 }, [1, 8, 8, 16]);
    const dy = graph.whole({ name: 'dy', dtype: 'float', length: 1024 }, [1, 8, 8, 16]);
    const dw = graph.whole({ name: 'dw', dtype: 'float', length: 2304 }, [3, 3, 16, 16]);
    const ranges = graph.tensor('ranges', [1, 2]);
    const table = graph.whole({ name: 'table', dtype: 'float', length: 2 }, [1, 2]);
    graph.append('prepareQuantizers', { table }, { ranges }, { rows: [fourBits] });
    const kept = activation(graph, x, ranges, { type: 'quantize', row: 0, core: 'fixedUniform', signed: true });
    expect(narrowFormats(graph.nodes, null).get(kept)).toBe('float16');
    graph.append('conv2dWeightGradient', { x: kept, dy }, { dw }, windowLike({ padding: 1 }));
    const results: StorageArray[] = [];
    const told: ReadonlySet<string>[] = [];
    for (let run = 0; run < 2; run++) {
      const engine = await createGpuEngine({ allowSoftware: true, tuningFile, tunesSoftware: true });
      const tasks = new Set<string>();
      const program = await engine.load(makePlan({ step: graph }), (task) => tasks.add(task));
      told.push(tasks);
      program.write(
        'x',
        Float32Array.from({ length: 1024 }, (_, i) => Math.sin(i)),
      );
      program.write(
        'dy',
        Float32Array.from({ length: 1024 }, (_, i) => Math.cos(i * i)),
      );
      await program.run('step');
      results.push(await program.read('dw'));
      await engine.dispose();
    }
    expect(results[0]!.some((value) => value !== 0)).toBe(true);
    expect(results[0]).toEqual(results[1]);
    expect(await readFile(tuningFile, 'utf8')).toContain('conv2dWeightGradient');
    const once = [
      'compiling tiles to try, once for this GPU and network',
      'trying tiles, once for this GPU and network',
    ];
    expect(told.map((tasks) => [...tasks])).toEqual([[...once, 'compiling'], ['compiling']]);
  });

  it('cuts off what rounded results and gradients of 16 bits cannot hold, and keeps NaN', async () => {
    const graph = new Graph();
    const shape = [1, 8, 8, 16];
    const whole = (name: string) => graph.whole({ name, dtype: 'float', length: 1024 }, shape);
    const [x, seen, seenGradient] = [whole('x'), whole('seen'), whole('seen gradient')];
    const pooled = maxPool(graph, x, { size: 1, stride: 1, padding: 0 }, false);
    const dx = graph.tensor('dx', shape);
    const relu = { activation: { type: 'relu' } } as const;
    graph.append('activationGradient', { x: whole('ones'), ranges: null, dy: x }, { dx, sums: null }, relu);
    graph.append('copy', { x: pooled }, { y: seen }, {});
    graph.append('copy', { x: dx }, { y: seenGradient }, {});
    const open = await openDevice({ gpu: await availableGpu(), allowSoftware: true });
    const matrixUnits: MatrixUnits = { precision: 'float16', workgroupBytes: 49_152, roundsResults: true, kernels };
    const program = await loadProgram(open, makePlan({ step: graph }), { matrixUnits });
    program.write('x', [1.5, 1e5, -1e5, Number.NaN]);
    program.write('ones', new Float32Array(1024).fill(1));
    await program.run('step');
    expect([...(await program.read('seen', 0, 4))]).toEqual([1.5, 65_504, -65_504, Number.NaN]);
    // Times the number of pixels, 64.
    expect([...(await program.read('seen gradient', 0, 4))]).toEqual([1.5, 1023.5, -1023.5, Number.NaN]);
    await program.dispose();
    open.dispose();
  });

  it('gathers the moments of a depthwise convolution whose invocations take several pixels each', async () => {
    const graph = new Graph();
    const length = 66 * 66 * 264;
    const x = graph.whole({ name: 'x', dtype: 'float', length }, [1, 66, 66, 264]);
    const w = graph.whole({ name: 'w', dtype: 'float', length: 9 * 264 }, [3, 3, 264]);
    const moments = graph.whole({ name: 'moments', dtype: 'float', length: 528 }, [2, 264]);
    graph.append('depthwiseConv2d', { x, w }, { y: graph.tensor('y', x.shape), moments }, windowLike({ padding: 1 }));
    const momentsOf = async (engine: Engine) => {
      const program = await engine.load(makePlan({ step: graph }));
      program.write(
        'x',
        Float32Array.from({ length }, (_, i) => Math.sin(i % 1009) + 0.5),
      );
      program.write(
        'w',
        Float32Array.from({ length: 9 * 264 }, (_, i) => Math.cos(i)),
      );
      await program.run('step');
      const values = await program.read('moments');
      await engine.dispose();
      return values;
    };
    const expected = await momentsOf(createReferenceEngine());
    const actual = await momentsOf(await createGpuEngine({ allowSoftware: true }));
    expected.forEach((right, i) => {
      expect(Math.abs(actual[i]! - right)).toBeLessThan(1e-5 * Math.max(1, Math.abs(right)));
    });
  });

  it('takes fixed tiles, and says so, where the best cannot be remembered', async () => {
    const file = join(temporaryFolder(), 'file');
    await writeFile(file, '');
    const tuningFile = join(file, 'tiles.json');
    const engine = await createGpuEngine({ allowSoftware: true, tuningFile, tunesSoftware: true });
    expect(engine.description).toContain(`fixed tiles: ${tuningFile} cannot be written`);
    const graph = new Graph();
    const x = graph.whole({ name: 'x', dtype: 'float', length: 256 }, [1, 4, 4, 16]);
    const dw = graph.whole({ name: 'dw', dtype: 'float', length: 2304 }, [3, 3, 16, 16]);
    graph.append('conv2dWeightGradient', { x, dy: x }, { dw }, windowLike({ padding: 1 }));
    await (await engine.load(makePlan({ step: graph }))).run('step');
    await engine.dispose();
  });

  it('counts the time of every kernel when it is asked to', async () => {
    const engine = await createGpuEngine({ allowSoftware: true, profile: true });
    const graph = new Graph();
    const x = graph.whole({ name: 'x', dtype: 'float', length: 4096 });
    const y = graph.whole({ name: 'y', dtype: 'float', length: 4096 });
    graph.append('add', { a: x, b: x }, { y }, {});
    const program = await engine.load(makePlan({ step: graph }));
    await program.run('step');
    const [entry] = await program.profile();
    expect(entry).toMatchObject({ phase: 'step', node: { op: 'add' } });
    expect(entry!.ms).toBeGreaterThan(0);
    await engine.dispose();
  });

  it('says in plain words that the device was lost', async () => {
    const open = await openDevice({ gpu: await availableGpu(), allowSoftware: true });
    const graph = new Graph();
    const x = graph.whole({ name: 'x', dtype: 'float', length: 4 });
    graph.append('add', { a: x, b: x }, { y: graph.whole({ name: 'y', dtype: 'float', length: 4 }) }, {});
    const program = await loadProgram(open, makePlan({ step: graph }));
    await program.run('step');
    open.device.destroy();
    await expect(program.read('y')).rejects.toThrow('the GPU was lost');
    await expect(program.run('step')).rejects.toThrow(DeviceLost);
  });

  it('does not pass for a real GPU', async () => {
    await expect(createGpuEngine()).rejects.toThrow('computes on the CPU');
  });
});
