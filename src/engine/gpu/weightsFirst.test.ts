import { expect, it } from 'vitest';
import { operandsOf, resultsOf } from '../../graph/graph.js';
import { buildTrainingProgram } from '../../program/trainingProgram.js';
import { experimentFromSettings } from '../../settings/index.js';
import { programOptions, quantizedNetwork } from '../../train/programOptions.js';
import { schedulePlan } from './schedule.js';

it('quantizers of weights and moments of a teacher come first, each behind what it is made from', () => {
  const quantized = { model: 'tiny', batch_size: 2, w_quantize: 'parametric_fp_d_xmax', w_per_channel: true };
  const experiment = experimentFromSettings('test', 'test', quantized);
  const data = { classes: 3, imageShape: [8, 8, 3] as const, trainImages: 2, evaluationImages: 2 };
  const teacher = quantizedNetwork(experimentFromSettings('T', 'test', { ...quantized, w_per_channel: false }), data);
  const distillation = { temperature: 1, weight: 0.5, teacher, scaling: null };
  const { plan } = buildTrainingProgram({ ...programOptions(experiment, data, null), distillation });
  const nodes = schedulePlan(plan).phases.train!;
  const made = new Set<number>();
  for (const node of nodes) {
    for (const { id, view, name } of operandsOf(node)) if (!view) expect(made, `${name} of ${node.op}`).toContain(id);
    for (const { id } of resultsOf(node)) made.add(id);
  }
  const ops = nodes.map(({ op }) => op);
  expect(ops.slice(0, ops.indexOf('gatherBatch')).sort()).toEqual([
    // The weights of three layers and a bias, twice; biases keep one step.
    ...Array(5).fill('activation'),
    ...Array(2).fill('prepareQuantizers'),
    ...Array(3).fill('quantizeChannels'),
    // Those of the teacher's normalisations.
    ...Array(2).fill('runningStatistics'),
  ]);
});
