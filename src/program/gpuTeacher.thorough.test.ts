/** Learning from a teacher on a GPU, SwiftShader's, as on the reference engine: another network, quantized and normalised otherwise. */

import { expect, it } from 'vitest';
import { skipsGpu } from '../../test/softwareGpu.js';
import { createRandom, generateSynthetic, trainingEpoch } from '../data/index.js';
import type { Device } from '../device.js';
import { selectEngine } from '../engine/selectEngine.js';
import { network, STORAGE } from '../nn/index.js';
import { experimentFromSettings, withDefinition } from '../settings/index.js';
import { dataShape, programOptions, quantizedNetwork } from '../train/programOptions.js';
import { weightsOf } from '../weights/loadedWeights.js';
import { copyParameters, teach } from './parameters.js';
import { openSession } from './session.js';
import { buildTrainingProgram, type TaughtBy } from './trainingProgram.js';

const images = generateSynthetic(3, 40);
const shape = dataShape(images, undefined, images.test.count);
const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', batch_size: 8 };
const branches = network({ input: [32, 32, 3] }, (n, x) => {
  const sum = n.add(n.conv(x, 4, { stride: 2 }), n.conv(x, 4, { stride: 2, activation: 'none' }));
  return n.linear(n.globalAverage(sum), 10);
});
const teacher = withDefinition(
  experimentFromSettings('T', 't.cfg', { ...quantized, model: './branches.mjs', a_quantize_linear: true }),
  branches,
);
const pupil = experimentFromSettings('P', 'p.cfg', { ...quantized, model: 'tiny', shards: 2 });

/** The cross-entropy of two steps, with what the teacher says. */
async function losses(device: Device): Promise<number[]> {
  const engine = await selectEngine(device, { threads: 1 });
  const untrained = buildTrainingProgram(programOptions(teacher, shape, null));
  const { program: itself } = await openSession(engine, untrained);
  const tensors = (await copyParameters(untrained, itself))();
  const weights = weightsOf(new Map(tensors.map((tensor) => [tensor.name, tensor])), 'teacher');
  const scaling = { scale: [1 / 64, 1 / 64, 1 / 64], offset: [-1, -2, 0] };
  const distillation: TaughtBy = { temperature: 2, weight: 0.75, teacher: quantizedNetwork(teacher, shape), scaling };
  const training = buildTrainingProgram({ ...programOptions(pupil, shape, null), distillation });
  const write = teach(training, weights);
  const session = await openSession(engine, training);
  write(session.program);
  session.setTrainingImages(images.train);
  session.setBatches(trainingEpoch(images.train.count, 8, createRandom(5), { shift: 4, mirror: true }));
  session.program.write(STORAGE.control, [0.05, 0, 0, 0]);
  const found = [];
  for (const batch of [0, 1]) {
    await session.step(batch);
    found.push((await session.program.read(STORAGE.loss))[0]!);
  }
  await engine.dispose();
  return found;
}

it.skipIf(skipsGpu)('has the losses of the reference engine', async () => {
  const [wanted, found] = [await losses('reference'), await losses('gpu')];
  for (const [step, loss] of wanted.entries()) expect(found[step]).toBeCloseTo(loss, 4);
});
