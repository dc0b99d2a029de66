/** Every kernel of a training program passes the checks of Dawn's null backend, which computes nothing. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isThorough, tierOf } from '../../../test/tier.js';
import type { Plan } from '../../graph/index.js';
import { fillChannels } from '../../passes/filledChannels.js';
import { buildTrainingProgram } from '../../program/trainingProgram.js';
import { experimentFromSettings } from '../../settings/index.js';
import { programOptions } from '../../train/programOptions.js';
import { alikePlans } from './alike.js';
import { type OpenDevice, openDevice } from './device.js';
import { loadProgram, loadPrograms } from './gpuProgram.js';
import * as kernels from './kernels/matrixKernels.js';
import { lowerPhase } from './lowering.js';
import { nodeGpu } from './nodeGpu.js';
import { placePlan } from './placement.js';

const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
const uniform = { w_quantize: 'parametric_fp_b_xmax', a_quantize: 'parametric_fp_d_b_relu' };
const extended = { ...quantized, nesterov: 'on', label_smoothing: '0.1', decay_exclude: 'bn bias', ema_decay: '0.9' };
const integers = { ...quantized, a_quantize_linear: 'true', a_quantize_input: 'true' };
const pow2 = { w_quantize: 'parametric_pow2_xmin_xmax', a_quantize: 'parametric_pow2_b_xmax_relu' };

const plans = new Map<string, Plan>();

/** Built once: drawing millions of start values takes its time. */
function plan(
  model: string,
  imageSize: number,
  batchSize: number,
  settings: Record<string, string>,
  trainImages = 2 * batchSize,
) {
  const experiment = experimentFromSettings('kernels', 'test', { ...settings, model, batch_size: batchSize });
  const shape = {
    classes: 10,
    imageShape: [imageSize, imageSize, 3] as const,
    trainImages,
    evaluationImages: batchSize,
  };
  const key = JSON.stringify([experiment.settings, shape]);
  const known = plans.get(key) ?? buildTrainingProgram(programOptions(experiment, shape, null)).plan;
  plans.set(key, known);
  return known;
}

describe('kernels pass the checks of the null backend', () => {
  let open: OpenDevice;
  beforeAll(async () => {
    open = await openDevice({ gpu: await nodeGpu('null'), allowSoftware: true });
  });
  afterAll(() => open?.dispose());

  const trained = [
    ['resnet20', 32, 128, {}],
    ['resnet20', 32, 128, quantized],
    ['resnet20', 32, 20, uniform],
    ['resnet20', 32, 20, pow2],
    ['resnet20', 32, 20, extended],
    ['resnet18', 224, 4, quantized],
    ['mobilenetv2', 224, 2, {}],
    ['mobilenetv2', 224, 2, quantized],
    ['mobilenetv2', 224, 2, integers],
  ] as const;
  it.each(tierOf(trained, ([, side, , settings]) => side === 32 || settings === integers))(
    '%s at %i, batch %i, %o',
    async (model, imageSize, batchSize, settings) => {
      const program = await loadProgram(open, plan(model, imageSize, batchSize, settings));
      await program.run('train');
      await program.run('evaluate');
      await program.read('loss');
      await program.dispose();
    },
  );

  it('resnet20 with another network beside it whose numbers differ', async () => {
    const numbers = { weight_decay: '1e-3', momentum: '0.8', label_smoothing: '0.2', target_weight_kbytes: '50' };
    const steps = [{}, { ...numbers, quantizer_learning_rate_factor: '2' }].map((own) => {
      const { storages, phases } = plan('resnet20', 32, 20, { ...extended, ...own });
      return { storages, phases: { train: phases.train! } };
    });
    const mostBuffers = open.device.limits.maxStorageBuffersPerShaderStage;
    expect(alikePlans(steps, { matrixUnits: null, mostBuffers })).toEqual([[0, 1]]);
    const programs = await loadPrograms(open, [steps[0]!, steps[1]!]);
    await Promise.all(programs.map(({ run }) => run('train')));
    for (const program of programs) await program.dispose();
  });

  // The null backend grants 16 KiB of workgroup memory, too little for pipelines of these, so that only sources are checked.
  const onMatrixUnits = [
    ['resnet20', 32, 128, 'float16', ['= bitcast<vec4<f16>>(next', '= codesAsFloat16(next']],
    ['resnet20', 32, 20, 'float16x2', ['return fromCodes(']],
    ['resnet18', 224, 4, 'float16x2', ['return fromCodes(']],
    ['mobilenetv2', 224, 2, 'float16', ['= bitcast<vec4<f16>>(next']],
  ] as const;
  it.each(tierOf(onMatrixUnits, ([, side]) => side === 32))(
    'on matrix units: %s at %i, batch %i, %s',
    async (model, imageSize, batchSize, precision, narrowLoads) => {
      const training = plan(model, imageSize, batchSize, quantized);
      const matrixUnits = { precision, workgroupBytes: 49_152, kernels };
      const codes = new Set(
        [1, 2].flatMap((networks) => {
          const placement = placePlan(training, { matrixUnits, networks }).forPhase('train');
          return lowerPhase(training.phases.train!, placement).map(({ call }) => call.code);
        }),
      );
      const ofMatrices = [...codes].filter((code) => code.includes('subgroupMatrixMultiplyAccumulate'));
      expect(ofMatrices.length).toBeGreaterThan(10);
      for (const load of narrowLoads) {
        expect(ofMatrices.filter((code) => code.includes(load)).length, load).toBeGreaterThan(0);
      }
      for (const code of ofMatrices) {
        const { messages } = await open.device.createShaderModule({ code }).getCompilationInfo();
        expect(messages.map(({ lineNum, message }) => `${code.split('\n')[lineNum - 1]}: ${message}`)).toEqual([]);
      }
    },
  );

  it('on matrix units load eight numbers at a time of odd channels, too, if these are filled', () => {
    const narrower = plan('resnet20', 32, 20, { ...quantized, width_multiplier: '0.65625' });
    const matrixUnits = { precision: 'float16', workgroupBytes: 49_152, kernels } as const;
    const [odd, filled] = [narrower, fillChannels(narrower, 8)!.plan].map((training) => {
      const calls = lowerPhase(training.phases.train!, placePlan(training, { matrixUnits }).forPhase('train'));
      return calls.filter(({ call }) => call.code.includes('= bitcast<vec4<f16>>(next')).length;
    });
    expect(odd).toBe(0);
    expect(filled).toBeGreaterThan(10);
  });

  it.runIf(isThorough)('are no more workgroups than a dispatch has: resnet18 at 224, batch 768', async () => {
    const training = plan('resnet18', 224, 768, quantized);
    for (const matrixUnits of [null, { precision: 'float16', workgroupBytes: 49_152, kernels } as const]) {
      const calls = lowerPhase(training.phases.train!, placePlan(training, { matrixUnits }).forPhase('train'));
      for (const { call } of calls) expect(Math.max(...call.workgroups), call.label).toBeLessThanOrEqual(65_535);
      const folded = new Set(calls.map(({ call }) => call.code).filter((code) => code.includes('folded.x')));
      expect(folded.size).toBeGreaterThan(0);
      for (const code of folded) {
        const { messages } = await open.device.createShaderModule({ code }).getCompilationInfo();
        expect(messages.map(({ message }) => message)).toEqual([]);
      }
    }
  });

  it('of fewer images than a batch pass too', async () => {
    const training = plan('resnet20', 32, 4, {}, 1);
    const gather = { ...training, phases: { train: training.phases.train!.slice(0, 1) } };
    await (await loadProgram(open, gather)).dispose();
  });

  it('share pipelines between layers of one shape', () => {
    const training = plan('resnet20', 32, 128, quantized);
    const calls = lowerPhase(training.phases.train!, placePlan(training).forPhase('train'));
    expect(new Set(calls.map(({ call }) => call.code)).size).toBeLessThan(calls.length / 2);
  });
});
