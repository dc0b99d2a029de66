/**
 * Every published experiment builds and takes two training steps on a few generated images; with MobileNetV2 in place
 * of its network, one experiment of every pair of quantizers, all of them in the thorough tests.
 */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSynthetic, trainingEpoch } from '../../src/data/index.js';
import { createRandom } from '../../src/data/random.js';
import type { Engine } from '../../src/engine/engine.js';
import { selectEngine } from '../../src/engine/selectEngine.js';
import { STORAGE } from '../../src/nn/index.js';
import { METRICS } from '../../src/ops/attributes.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram } from '../../src/program/trainingProgram.js';
import { type Experiment, resolveExperiment } from '../../src/settings/index.js';
import { readConfigFile } from '../../src/settings/readConfigFile.js';
import { programOptions } from '../../src/train/programOptions.js';
import { tierOf } from '../tier.js';

const BATCH = 2;
/** A uniform pair, and one of powers of two. */
const mobileNets = [
  'parametric_fp_d_xmax weights, parametric_fp_d_xmax activations',
  'parametric_pow2_xmin_xmax weights, parametric_pow2_xmin_xmax activations',
];
const { train: images } = generateSynthetic(1, 20);
const shape = {
  classes: 10,
  imageShape: [32, 32, 3] as const,
  trainImages: images.count,
  evaluationImages: images.count,
};

let engine: Engine;
beforeAll(async () => {
  engine = await selectEngine('cpu', { threads: 1 });
});
afterAll(() => engine.dispose());

async function takesTwoSteps(experiment: Experiment): Promise<void> {
  const session = await openSession(engine, buildTrainingProgram(programOptions(experiment, shape, null)));
  session.setTrainingImages(images);
  session.setBatches(trainingEpoch(images.count, BATCH, createRandom(1), { shift: 4, mirror: true }));
  const { initialLearningRate } = experiment.training;
  session.program.write(STORAGE.control, [
    initialLearningRate,
    experiment.budget.lambda2,
    experiment.budget.lambda3,
    0,
  ]);
  for (let step = 0; step < 2; step++) {
    session.program.write(STORAGE.position, [step]);
    await session.program.run('train');
  }
  const metrics = await session.program.read(STORAGE.metrics);
  expect(metrics[METRICS.steps]).toBe(2);
  expect(metrics[METRICS.badStep]).toBe(0);
  expect(Number.isFinite(metrics[METRICS.loss1])).toBe(true);
  const hasBudget = experiment.budget.targetWeightKbytes > 0;
  if (!hasBudget) expect(metrics[METRICS.loss2]).toBe(0);
  await session.program.dispose();
}

for (const [path, sections, steps] of [
  ['configs/train_resnet_quant_fp.cfg', 73, 24],
  ['configs/train_resnet_quant_pow2.cfg', 82, 16],
] as const) {
  const file = readConfigFile(path);
  const names = [...file.sections.keys()];

  describe(path, () => {
    it(`has ${sections} sections`, () => {
      expect(names).toHaveLength(sections);
      expect(readFileSync(path, 'utf8')).toContain('[DEFAULT]');
    });

    // Many differ in nothing that a step is made of, but in rates and starting weights.
    const programs = new Map(
      names.map((name) => {
        const experiment = resolveExperiment(file, name, { batchSize: BATCH });
        return [JSON.stringify(programOptions(experiment, shape, null)), experiment] as const;
      }),
    );
    it(`has ${steps} different steps`, () => expect(programs.size).toBe(steps));

    it.each([...programs.values()])('$name takes two steps', takesTwoSteps);

    const mobile = { model: 'mobilenetv2', widthMultiplier: 0.25, batchSize: BATCH };
    const ofMobileNet = new Map(
      names.map((name) => {
        const experiment = resolveExperiment(file, name, mobile);
        return [`${experiment.weights.kind} weights, ${experiment.activations.kind} activations`, experiment] as const;
      }),
    );
    it.each(tierOf([...ofMobileNet], ([name]) => mobileNets.includes(name)))(
      'MobileNetV2 with %s takes two steps',
      async (_, experiment) => {
        await takesTwoSteps(experiment);
      },
    );
  });
}
