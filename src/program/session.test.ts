/**
 * Evaluation sets whose bytes are no multiple of four: two on one device are measured as if each were alone, and a trained
 * network measures what its training does.
 */

import { describe, expect, it } from 'vitest';
import { skipsGpu } from '../../test/softwareGpu.js';
import { generateSynthetic, type ImageSet, limit } from '../data/index.js';
import type { Device } from '../device.js';
import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/selectEngine.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { weightsOf } from '../weights/loadedWeights.js';
import { openInference } from './inference.js';
import { copyParameters } from './parameters.js';
import { openSession } from './session.js';
import { buildTrainingProgram, type TrainingProgram } from './trainingProgram.js';

const { train } = generateSynthetic(3, 40);
/** 9 of 32 columns and rows, so that the bytes of a set are no multiple of four. */
const crop = (set: ImageSet): ImageSet => {
  const size = 9;
  const images = new Uint8Array(set.count * size * size * 3);
  for (let at = 0; at < images.length; at++) {
    const [image, row, rest] = [
      Math.floor(at / (size * size * 3)),
      Math.floor(at / (size * 3)) % size,
      at % (size * 3),
    ];
    images[at] = set.images[(image * 32 + row) * 32 * 3 + rest]!;
  }
  return { ...set, images, height: size, width: size };
};
const validation = crop(limit(train, 7, 1));
const test = crop(limit(train, 5, 2));

function trainingOn(...[first, second]: readonly [ImageSet, ...ImageSet[]]): TrainingProgram {
  const experiment = experimentFromSettings('sets', 'sets', { model: 'tiny', batch_size: 4 });
  const shape = {
    classes: 10,
    imageShape: [first.height, first.width, 3] as const,
    trainImages: 4,
    evaluationImages: first.count,
    testImages: second?.count ?? 0,
  };
  return buildTrainingProgram(programOptions(experiment, shape, null));
}

async function evaluated(engine: Engine, ...sets: readonly [ImageSet, ...ImageSet[]]) {
  const session = await openSession(engine, trainingOn(...sets));
  session.setEvaluationImages(...sets);
  const results = [];
  for (const index of sets.keys()) results.push(await session.evaluate(index));
  // Back to the first after the second.
  results.push(await session.evaluate());
  await session.program.dispose();
  return results;
}

describe.each<Device>(['reference', 'cpu', 'gpu'])('on the engine %s', (device) => {
  it('a trained network gives the same, of which images come batch by batch', { timeout: 120_000 }, async (context) => {
    if (device === 'gpu' && skipsGpu) return context.skip();
    const engine = await selectEngine(device, { threads: 1 });
    const training = trainingOn(validation);
    const session = await openSession(engine, training);
    session.setEvaluationImages(validation);
    const parameters = (await copyParameters(training, session.program))();
    const weights = weightsOf(new Map(parameters.map((each) => [each.name, each])), 'FILE');
    const inference = await openInference(engine, training.options, weights);
    expect(await inference.evaluate(validation)).toEqual(await session.evaluate());
    await engine.dispose();
  });

  it('two evaluation sets give what each gives alone', { timeout: 120_000 }, async (context) => {
    if (device === 'gpu' && skipsGpu) return context.skip();
    const engine = await selectEngine(device, { threads: 1 });
    const [chooses] = await evaluated(engine, validation);
    const [reported] = await evaluated(engine, test);
    expect(await evaluated(engine, validation, test)).toEqual([chooses, reported, chooses]);
    await engine.dispose();
    expect(chooses?.loss).not.toBe(reported?.loss);
  });
});
