/** The memory of a device that a plan needs, how it is shared, and its dispatches and waits, computed without one. */

import { describe, expect, it } from 'vitest';
import { waitsOf } from '../../../test/engine/waits.js';
import { windowLike } from '../../../test/engine/windows.js';
import { exampleQuantizer } from '../../../test/exampleQuantizer.js';
import { Graph } from '../../graph/index.js';
import { elementCount } from '../../graph/tensor.js';
import { makePlan } from '../../passes/index.js';
import { buildTrainingProgram } from '../../program/trainingProgram.js';
import { experimentFromSettings } from '../../settings/index.js';
import { programOptions } from '../../train/programOptions.js';
import { type KernelCall, type MatrixUnits, wholeOf } from './kernel.js';
import * as kernels from './kernels/matrixKernels.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';
import { schedulePlan } from './schedule.js';

const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
const matrixUnits: MatrixUnits = { precision: 'float16', workgroupBytes: 49_152, kernels };

/** Buffers, calls of both phases and waits of a training step, at `mpdnn bench`'s sizes. */
function lowered(model: string, imageSize: number, classes: number, settings: Record<string, string>) {
  const experiment = experimentFromSettings('placement', 'test', { ...settings, model, batch_size: 128 });
  const imageShape = [imageSize, imageSize, 3] as const;
  const shape = { classes, imageShape, trainImages: 256, evaluationImages: 128 };
  const plan = schedulePlan(buildTrainingProgram(programOptions(experiment, shape, null)).plan);
  const placement = placePlan(plan, { matrixUnits });
  const callsOf = (phase: 'train' | 'evaluate') =>
    lowerPhase(plan.phases[phase]!, placement.forPhase(phase)).map(({ call }) => call);
  const training = callsOf('train');
  const calls = [...training, ...callsOf('evaluate')];
  const mebibytes = placement.buffers.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20;
  return { calls, mebibytes, dispatches: training.length, waits: waitsOf(training) };
}

describe('the memory of a training program', () => {
  it.each([
    ['resnet18', 224, 1000, quantized, 1984, 172, 138],
    ['resnet18', 224, 1000, {}, 2103, 162, 133],
    ['resnet20', 32, 10, quantized, 175, 176, 144],
    ['resnet20', 32, 10, {}, 191, 165, 139],
  ] as const)(
    '%s at %i, %i classes, %o: at most %i MiB, %i dispatches and %i waits',
    (model, imageSize, classes, settings, most, mostDispatches, mostWaits) => {
      const { calls, mebibytes, dispatches, waits } = lowered(model, imageSize, classes, settings);
      expect(mebibytes).toBeLessThanOrEqual(most);
      expect(dispatches).toBeLessThanOrEqual(mostDispatches);
      expect(waits).toBeLessThanOrEqual(mostWaits);
      expectBuffersApart(calls);
    },
  );

  it('has ranges of quantizers as long as a gradient masks by them again, apart from what that writes', () => {
    const graph = new Graph();
    const [images, weights] = [
      [1, 16, 16, 16],
      [3, 3, 16, 16],
    ] as const;
    const stored = (name: string, shape: readonly number[]) =>
      graph.whole({ name, dtype: 'float', length: elementCount(shape) }, shape);
    const ranges = graph.tensor('ranges', [1, 2]);
    const rows = [exampleQuantizer('parametric_fp_d_xmax', { name: 'y', role: 'activation' })];
    graph.append('prepareQuantizers', { table: stored('table', [1, 2]) }, { ranges }, { rows });
    const [dy, dz, dx] = ['dy', 'dz', 'dx'].map((name) => graph.tensor(name, images));
    graph.append('copy', { x: stored('upstream', images) }, { y: dy! }, {});
    const given = { x: stored('x', images), statistics: stored('statistics', [2, 16]), gamma: stored('gamma', [16]) };
    const sums = { dgamma: stored('dgamma', [16]), dbeta: stored('dbeta', [16]) };
    graph.append(
      'batchNormGradientReduce',
      { ...given, beta: stored('beta', [16]), shortcut: null, ranges, dy: dy! },
      { dz: dz!, ...sums, sums: stored('sums', [2]) },
      { activation: { type: 'quantize', row: 0, core: 'uniform', signed: false } },
    );
    graph.append('batchNormGradientApply', { dz: dz!, ...given, ...sums }, { dx: dx! }, {});
    const window = windowLike({ padding: 1 });
    graph.append('conv2dWeightGradient', { x: given.x, dy: dx! }, { dw: stored('dw', weights) }, window);
    const plan = makePlan({ step: graph });
    const calls = lowerPhase(plan.phases.step!, placePlan(plan, { matrixUnits }).forPhase('step'));
    const masking = calls.filter(({ nodes }) => nodes[0]!.op === 'batchNormGradientApply').map(({ call }) => call);
    expect(masking.map(({ code }) => code.includes('ranges_'))).toEqual([true]);
    expectBuffersApart(masking);
  });
});

function expectBuffersApart(calls: readonly KernelCall[]): void {
  for (const { label, bindings } of calls) {
    const buffers = bindings.map(({ buffer }) => wholeOf(buffer));
    const read = buffers.filter((_, i) => !bindings[i]!.writes);
    const shared = bindings.filter(({ writes }, i) => writes && read.includes(buffers[i]!));
    expect(shared, `${label} writes a buffer of which it reads another part`).toEqual([]);
  }
}
