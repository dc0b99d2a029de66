/**
 * How long is a step on so many ranks, and how much of it is the exchange? Generated images on the CPU, a thread a rank.
 *
 * Run after `npm run build`, alone and by `mpirun`, in turn, on a machine that has nothing else to do:
 *   node bench/ranks.mjs --shards 4
 *   mpirun -n 2 node bench/ranks.mjs --shards 4
 *   mpirun -n 4 node bench/ranks.mjs --shards 4 --model resnet20 --batch-size 128 --steps 20
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createRandom, generateSynthetic, trainingEpoch } from '../dist/data/index.js';
import { selectEngine } from '../dist/engine/selectEngine.js';
import { median } from '../dist/median.js';
import { STORAGE } from '../dist/nn/index.js';
import { openSession } from '../dist/program/session.js';
import { buildTrainingProgram } from '../dist/program/trainingProgram.js';
import { joinRanks } from '../dist/ranks/joinRanks.js';
import { experimentFromSettings } from '../dist/settings/index.js';
import { dataShape, programOptions } from '../dist/train/programOptions.js';

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '4' },
    model: { type: 'string', default: 'resnet20' },
    'batch-size': { type: 'string', default: '128' },
    steps: { type: 'string', default: '20' },
  },
});
const steps = Number(values.steps);
const batchSize = Number(values['batch-size']);
const ranks = await joinRanks();
const experiment = experimentFromSettings('RANKS', 'ranks.mjs', {
  ...{ model: values.model, data: 'synthetic', batch_size: batchSize, shards: values.shards },
  ...{ w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', a_stepsize: 0.1 },
});
const images = generateSynthetic(1, Math.ceil(1.1 * batchSize));
const built = buildTrainingProgram(programOptions(experiment, dataShape(images, 1), null));
const engine = await selectEngine('cpu', { threads: 1 });
const session = await openSession(engine, built, undefined, ranks);
session.setTrainingImages(images.train);
session.setBatches(trainingEpoch(images.train.count, batchSize, createRandom(1), { shift: 4, mirror: true }));
session.program.write(STORAGE.control, [0.01, 0, 0, 0]);

const vector = new Float32Array(built.plan.storages.find(({ name }) => name === STORAGE.gradients).length);
const step = await timed(steps, () => session.step(0));
const exchange = await timed(steps, () => ranks.mean(vector, 1));
if (ranks.rank === 0) {
  const line = { model: values.model, batchSize, shards: Number(values.shards), ranks: ranks.size, step, exchange };
  console.log(`${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${steps} steps; ms`);
  console.log(JSON.stringify({ ...line, floats: vector.length }));
}
await session.program.dispose();
await engine.dispose();
ranks.leave();

/** Milliseconds of `count` turns behind two that do not count. */
async function timed(count, turn) {
  const times = [];
  for (let i = -2; i < count; i++) {
    await ranks.gather(Uint8Array.of(0));
    const begin = performance.now();
    await turn();
    if (i >= 0) times.push(performance.now() - begin);
  }
  return { least: Number(Math.min(...times).toFixed(3)), median: Number(median(times).toFixed(3)) };
}
