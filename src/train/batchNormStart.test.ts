/** Batch normalisations that an exporter had folded away: measured, they change nothing, and training begins there. */

import { expect, it } from 'vitest';
import { residual } from '../../test/onnx/residual.js';
import { evaluationBatches } from '../data/batches.js';
import { generateSynthetic, limit } from '../data/index.js';
import { selectEngine } from '../engine/selectEngine.js';
import { STORAGE, type StartingWeights } from '../nn/index.js';
import { importOnnx } from '../onnx/index.js';
import { openSession } from '../program/session.js';
import { buildTrainingProgram, type ProgramOptions } from '../program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../settings/index.js';
import { withMeasuredMoments } from './batchNormStart.js';
import { programOptions } from './programOptions.js';

const count = 32;
const images = limit(generateSynthetic(1, 64).train, count, 313);

function optionsOf(isFolded: boolean): ProgramOptions & { readonly starting: StartingWeights } {
  const { definition, weights } = importOnnx(residual(isFolded, { side: 32, classes: 10 }), 'net.onnx');
  const settings = { model: 'own', batch_size: count, initial_learning_rate: 0.1, seed: 313 };
  const experiment = withDefinition(experimentFromSettings('test', 'test', settings), definition);
  const data = { classes: 10, imageShape: [32, 32, 3] as const, trainImages: count, evaluationImages: count };
  return { ...programOptions(experiment, data, weights), starting: weights };
}

const cpu = () => selectEngine('cpu', { threads: 1 });

/** Losses in evaluation and in a training step, on the same images. */
async function losses(options: ProgramOptions): Promise<{ readonly evaluated: number; readonly trained: number }> {
  const engine = await cpu();
  try {
    const session = await openSession(engine, buildTrainingProgram(options));
    session.setTrainingImages(images);
    session.setEvaluationImages(images);
    const { loss } = await session.evaluate();
    session.setBatches(evaluationBatches(count, count));
    await session.step(0);
    return { evaluated: loss, trained: (await session.program.read(STORAGE.loss))[0]! };
  } finally {
    await engine.dispose();
  }
}

it('folded ones are measured: evaluation stays, and the first step begins there', async () => {
  const options = optionsOf(true);
  const before = await losses(options);
  expect(Math.abs(before.trained - before.evaluated)).toBeGreaterThan(0.01);
  const starting = await withMeasuredMoments(options.starting, options, images, cpu);
  const after = await losses({ ...options, starting });
  expect(Math.abs(after.evaluated - before.evaluated)).toBeLessThan(1e-5);
  expect(Math.abs(after.trained - before.evaluated)).toBeLessThan(1e-4);
});

it('others stay as they are, and no engine is asked for', async () => {
  const options = optionsOf(false);
  const never = () => Promise.reject(new Error('an engine was asked for'));
  expect(await withMeasuredMoments(options.starting, options, images, never)).toBe(options.starting);
});
