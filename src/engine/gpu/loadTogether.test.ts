/** Plans that are loaded together, and their number at a time, on Dawn's null backend, which has 512 MiB of memory. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Graph, type Plan } from '../../graph/index.js';
import { CONTROL_LENGTH } from '../../ops/attributes.js';
import { makePlan } from '../../passes/index.js';
import { buildTrainingProgram } from '../../program/trainingProgram.js';
import { experimentFromSettings, mayHaveSameOperations } from '../../settings/index.js';
import { programOptions } from '../../train/programOptions.js';
import { alikePlans } from './alike.js';
import { type OpenDevice, openDevice } from './device.js';
import { loadPrograms } from './gpuProgram.js';
import { loadTogether } from './loadTogether.js';
import { nodeGpu } from './nodeGpu.js';

/** A plan that updates three vectors; a number a MiB. */
function planOf({ mebibytes = 1, weightDecay = 0, nesterov = false } = {}): Plan {
  const graph = new Graph();
  const whole = (name: string) => graph.whole({ name, dtype: 'float', length: mebibytes * 2 ** 18 });
  const vectors = { parameters: whole('p'), gradients: whole('g'), velocity: whole('v'), secondMoment: null };
  const control = graph.whole({ name: 'control', dtype: 'float', length: CONTROL_LENGTH });
  const solver = { type: 'momentum', momentum: 0.9, nesterov } as const;
  graph.append('parameterUpdate', { ...vectors, control }, {}, { solver, weightDecay });
  return makePlan({ step: graph });
}

it('plans are alike that differ in parameters of kernels, as far as these may bind a storage more', () => {
  const plans = [
    planOf(),
    planOf({ nesterov: true }),
    planOf({ weightDecay: 0.1 }),
    planOf({ mebibytes: 2 }),
    planOf(),
  ];
  expect(alikePlans(plans, { matrixUnits: null, mostBuffers: 5 })).toEqual([[0, 4, 2], [1], [3]]);
  expect(alikePlans(plans, { matrixUnits: null, mostBuffers: 4 })).toEqual([[0, 4], [1], [2], [3]]);
});

/** Keys and values with blanks between. */
function inPairs(text: string): Record<string, string> {
  const words = text.split(' ');
  return Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1]!]] : [])));
}

it('plans of trainings are alike if their settings differ in numbers only', () => {
  const common = {
    ...inPairs('model tiny batch_size 16 w_quantize parametric_fp_d_xmax a_quantize parametric_fp_d_xmax_relu'),
    ...inPairs('budget guaranteed budget_prune yes target_weight_kbytes 2 label_smoothing 0.1 ema_decay 0.9'),
    ...inPairs('damp_oscillations 0.1 bn_reestimate 2 budget_measure 2'),
  };
  const others = {
    ...inPairs('seed 7 epochs 3 initial_learning_rate 0.3 schedule cosine warmup_epochs 2 momentum 0.5 weight_decay 0'),
    ...inPairs('quantizer_learning_rate_factor 2 label_smoothing 0.2 ema_decay 0.8 damp_oscillations 0.2'),
    ...inPairs('bn_reestimate 3 budget_measure 3 w_stepsize 0.25 w_bitwidth_min 3 a_bitwidth_min 3'),
    ...inPairs('layers conv1/*:w_bitwidth_min=4 target_weight_kbytes 3 target_activation_kbytes 1'),
    ...inPairs('target_activation_type sum budget_search 0.5 budget_begin allocated budget_prune_step 2'),
  };
  const [one, two] = [{}, others].map((numbers) => experimentFromSettings('A', 'a.cfg', { ...common, ...numbers }));
  const shape = { classes: 10, imageShape: [16, 16, 3] as const, trainImages: 32, evaluationImages: 16 };
  const plans = [one!, two!].map((experiment) => buildTrainingProgram(programOptions(experiment, shape, null)).plan);
  expect(mayHaveSameOperations(one!.settings, two!.settings)).toBe(true);
  expect(JSON.stringify(plans[0])).not.toBe(JSON.stringify(plans[1]));
  expect(alikePlans(plans, { matrixUnits: null, mostBuffers: 12 })).toEqual([[0, 1]]);
  const { settings } = experimentFromSettings('A', 'a.cfg', { ...common, label_smoothing: '0' });
  expect(mayHaveSameOperations(one!.settings, settings)).toBe(false);
});

describe('where the memory does not hold all networks', () => {
  let open: OpenDevice;
  beforeAll(async () => {
    open = await openDevice({ gpu: await nodeGpu('null'), allowSoftware: true });
  });
  afterAll(() => open?.dispose());

  /** Loads plans; tells which have a program, and how many were tried at a time. */
  async function loaded(plans: readonly Plan[]) {
    const tried: number[] = [];
    const programs = await loadTogether(open, plans, null, (alike) => {
      tried.push(alike.length);
      return loadPrograms(open, alike);
    });
    for (const program of programs) await (await program)?.dispose();
    return { has: programs.map((program) => program !== null), tried };
  }

  it('half of them are loaded', async () => {
    // The largest binding is of 128 MiB, …
    expect(await loaded(new Array(5).fill(planOf({ mebibytes: 40 })))).toEqual({
      has: [true, true, true, false, false],
      tried: [5, 3],
    });
  });

  it('those of other plans are loaded as far as there is room left', async () => {
    // … three vectors of two networks are 384 MiB, and of one more 192.
    const [first, other] = [planOf({ mebibytes: 64 }), planOf({ mebibytes: 63, nesterov: true })];
    const { has, tried } = await loaded([first, other, first]);
    expect(has).toEqual([true, false, true]);
    expect(tried).toEqual([2, 1]);
  });

  it('equal plans are one object for whoever loads them', async () => {
    const lists: (readonly Plan[])[] = [];
    const plans = [planOf(), planOf({ weightDecay: 0.1 }), planOf()];
    const programs = await loadTogether(open, plans, null, (alike) => {
      lists.push(alike);
      return loadPrograms(open, alike);
    });
    for (const program of programs) await (await program)?.dispose();
    expect(lists.map((alike) => alike.map((plan) => plans.indexOf(plan)))).toEqual([[0, 0, 1]]);
  });

  it('one that is too large by itself is an error, which is not that of others', async () => {
    const plans = [planOf({ mebibytes: 129 }), planOf({ nesterov: true }), planOf({ mebibytes: 129 })];
    const [first, other, last] = await loadTogether(open, plans, null, (alike) => loadPrograms(open, alike));
    for (const program of [first, last]) {
      await expect(program).rejects.toThrow('p needs 129 MiB, the GPU allows 128 MiB: choose a smaller batch');
    }
    await (await other)!.dispose();
  });
});
