/** Ranks that compute on a GPU, SwiftShader's: the bits of one, in as many parts as the gradients travel in. */

import { describe, expect, it } from 'vitest';
import { rendezvous } from '../../test/rendezvous.js';
import { skipsGpu } from '../../test/softwareGpu.js';
import { createRandom, generateSynthetic, trainingEpoch } from '../data/index.js';
import type { Engine } from '../engine/engine.js';
import { selectEngine } from '../engine/selectEngine.js';
import { STORAGE } from '../nn/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { dataShape, programOptions } from '../train/programOptions.js';
import { batchFeed, trainingStorages } from './batchFeed.js';
import { openSession } from './session.js';
import { shardedStep, shardResults } from './shardedStep.js';
import { ownShards } from './step.js';
import { buildTrainingProgram } from './trainingProgram.js';

const images = generateSynthetic(3, 40);
const { train } = images;
const table = trainingEpoch(train.count, 16, createRandom(5), { shift: 4, mirror: true });
const kinds = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', a_stepsize: 0.1 };
const settings = { model: 'tiny', data: 'synthetic', batch_size: 16, shards: 4, ...kinds };

/** Values that each of so many ranks has learned after two steps. */
async function learned(engine: Engine, size: number, partLength: number, precision = 'float32'): Promise<number[][][]> {
  const experiment = experimentFromSettings('S', 's.cfg', { ...settings, shard_precision: precision });
  const trained = rendezvous(size).map(async (ranks) => {
    const training = buildTrainingProgram(programOptions(experiment, dataShape(images, undefined, 1), null));
    const { program } = await openSession(engine, training, undefined, ranks);
    program.write(STORAGE.control, [0.05, 0.1, 0.1, 0]);
    const feed = batchFeed(program, trainingStorages, train);
    feed.begin(ownShards(table, 4, ranks));
    const results = await shardResults(program, training, partLength);
    for (const batch of [0, 1]) await shardedStep(program, training, results, feed, batch, ranks);
    const names = [STORAGE.parameters, STORAGE.quantizers, STORAGE.running, STORAGE.velocity, STORAGE.metrics];
    const values = await Promise.all(names.map(async (name) => [...(await program.read(name))]));
    await program.dispose();
    return values;
  });
  return Promise.all(trained);
}

describe.skipIf(skipsGpu)('ranks on GPUs', () => {
  it('have the bits of one', async () => {
    const engine = await selectEngine('gpu');
    const [wanted] = await learned(engine, 1, 2 ** 20);
    expect(await learned(engine, 1, 100)).toEqual([wanted]);
    expect(await learned(engine, 2, 300)).toEqual([wanted, wanted]);
    expect(await learned(engine, 4, 100)).toEqual([wanted, wanted, wanted, wanted]);
    const [roundedOnes] = await learned(engine, 1, 2 ** 20, 'bfloat16');
    expect(roundedOnes).not.toEqual(wanted);
    expect(await learned(engine, 4, 101, 'bfloat16')).toEqual([roundedOnes, roundedOnes, roundedOnes, roundedOnes]);
    await engine.dispose();
  });
});
