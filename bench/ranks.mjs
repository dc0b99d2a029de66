/**
 * Times a training step on several ranks, and its parts. Generated images; on the CPU one thread a rank.
 *
 * Run after `npm run build`, alone and by `mpirun`, in turn, on a machine that has nothing else to do:
 *   node bench/ranks.mjs --shards 4
 *   mpirun -n 2 node bench/ranks.mjs --shards 4
 *   mpirun -n 4 node bench/ranks.mjs --shards 4 --model resnet20 --batch-size 128 --steps 20
 *
 * `--precision bfloat16` rounds the gradients of shards. `--trace` adds when the parts of a step come and go: milliseconds
 * since its beginning, medians over steps, of the first rank.
 *
 * `step` is the whole; `shard` its part of going forward and backward through one shard and reading what it leaves, `write`
 * of handing a GPU at once all that has been exchanged, `update` what follows; `exchange` that of the whole vector, in its parts, `largePart`
 * that of a million numbers, and `latency` that of one number.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom, trainingEpoch } from '../dist/data/index.js';
import { cacheFolder } from '../dist/disk/cacheFolder.js';
import { selectEngine } from '../dist/engine/selectEngine.js';
import { median } from '../dist/median.js';
import { STORAGE } from '../dist/nn/index.js';
import { wordCount } from '../dist/program/bfloat16.js';
import { hostFloats } from '../dist/program/hostFloats.js';
import { openSession } from '../dist/program/session.js';
import { shardResults } from '../dist/program/shardedStep.js';
import { stepParts } from '../dist/program/stepParts.js';
import { buildTrainingProgram } from '../dist/program/trainingProgram.js';
import { joinRanks } from '../dist/ranks/joinRanks.js';
import { experimentFromSettings } from '../dist/settings/index.js';
import { programOptions } from '../dist/train/programOptions.js';

const { values } = parseArgs({
  options: {
    shards: { type: 'string', default: '4' },
    model: { type: 'string', default: 'resnet20' },
    'batch-size': { type: 'string', default: '128' },
    side: { type: 'string', default: '32' },
    classes: { type: 'string', default: '10' },
    float: { type: 'boolean', default: false },
    precision: { type: 'string', default: 'float32' },
    device: { type: 'string', default: 'cpu' },
    steps: { type: 'string', default: '20' },
    trace: { type: 'boolean', default: false },
  },
});
const [shards, batchSize, side, classes, steps] = ['shards', 'batch-size', 'side', 'classes', 'steps'].map((name) =>
  Number(values[name]),
);
const ranks = await joinRanks();
const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', a_stepsize: 0.1 };
const experiment = experimentFromSettings('RANKS', 'ranks.mjs', {
  ...{ model: values.model, data: 'synthetic', batch_size: batchSize, shards, shard_precision: values.precision },
  ...(values.float ? {} : quantized),
});
const shape = { classes, imageShape: [side, side, 3], trainImages: batchSize, evaluationImages: batchSize };
const built = buildTrainingProgram(programOptions(experiment, shape, null));
const tuningFile = join(cacheFolder(), 'gpu-tiles.json');
const engine = await selectEngine(values.device, { threads: 1, tuningFile });
const events = [];
const session = await openSession(
  values.trace ? { ...engine, load: async (...words) => tracedProgram(await engine.load(...words)) } : engine,
  ...[built, undefined, values.trace ? tracedRanks() : ranks],
);
const { program } = session;
session.setTrainingImages({
  images: Uint8Array.from({ length: batchSize * side * side * 3 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
  labels: Int32Array.from({ length: batchSize }, (_, i) => i % classes),
  ...{ count: batchSize, height: side, width: side, channels: 3 },
});
session.setBatches(trainingEpoch(batchSize, batchSize, createRandom(1), { shift: 4, mirror: true }));
program.write(STORAGE.control, [0.01, 0, 0, 0]);

const done = () => program.read(STORAGE.loss);
const mode = values.float ? 'float' : 'waq';
const line = { model: values.model, mode, batchSize, shards, precision: values.precision, ranks: ranks.size };
const times = { step: await timed(() => session.step(0)) };
if (shards > 1) {
  const { parts, transfers } = await shardResults(program, built);
  // Sums of several shards travel in float32.
  const travelsRounded = values.precision === 'bfloat16' && shards === ranks.size;
  const vectors = parts.map(({ ranges, isRounded }) => {
    const count = (of) => ranges.reduce((sum, { length }) => sum + of(length), 0);
    return travelsRounded && isRounded ? words(count(wordCount)) : floats(count((numbers) => numbers));
  });
  const [one, largePart] = [floats(1), travelsRounded ? words(2 ** 19) : floats(2 ** 20)];
  times.shard = await timed(() => Promise.all(transfers.runReading('gradient', parts)));
  times.write = await timed(async () => {
    for (const part of parts) (await transfers.place(part)).array(1);
    transfers.write(parts);
  });
  times.update = await timed(() => program.run('update'));
  times.exchange = await timed(async () => {
    await Promise.all(vectors.map((vector) => ranks.mean(vector, shards, vector)));
  });
  times.largePart = await timed(() => ranks.mean(largePart, shards, largePart));
  times.latency = await timed(() => ranks.mean(one, 1, one));
  line.bytes = vectors.reduce((sum, { bytes }) => sum + bytes, 0);
}
if (values.trace) line.trace = await trace();
if (ranks.rank === 0) {
  const machine = `${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${engine.name}: ${engine.description}`;
  const imagesPerSecond = Math.round((1000 * batchSize) / times.step.median);
  console.log(JSON.stringify({ machine, steps, ...line, imagesPerSecond, ms: times }));
}
await program.dispose();
await engine.dispose();
ranks.leave();

function floats(length) {
  return hostFloats(new Float32Array(length));
}

/** Words of two rounded numbers. */
function words(length) {
  return hostFloats(new Int32Array(length));
}

/** Milliseconds of a turn in five rounds of several turns with one wait at their end, after a warm-up round. */
async function timed(turn) {
  const rounds = [];
  const turns = Math.ceil(steps / 5);
  for (let round = -1; round < 5; round++) {
    await ranks.gather(Uint8Array.of(0));
    const begin = performance.now();
    for (let i = 0; i < turns; i++) await turn();
    await done();
    if (round >= 0) rounds.push((performance.now() - begin) / turns);
  }
  return { least: Number(Math.min(...rounds).toFixed(4)), median: Number(median(rounds).toFixed(4)) };
}

/** A program that records the times of its calls and of reading parts. */
function tracedProgram(program) {
  const transfers = async () => {
    const { runReading, place, write, writeAndRun } = await program.transfers();
    return {
      runReading: (phase, parts) => {
        note('called');
        const reads = runReading(phase, parts);
        note('submitted');
        for (const [at, read] of reads.entries()) read.then(() => note(`part ${at} read`));
        return reads;
      },
      ...{ place, write },
      writeAndRun: (parts, phase) => {
        note(`${phase} called`);
        return writeAndRun(parts, phase);
      },
    };
  };
  const run = (phase) => {
    note(`${phase} called`);
    return program.run(phase);
  };
  return { ...program, run, ...(program.transfers && { transfers }) };
}

/** Ranks that record when a mean is where it is written from. */
function tracedRanks() {
  let at = 0;
  const { length } = stepParts(built);
  const mean = async (vector, count, into) => {
    const part = at++ % length;
    await ranks.mean(vector, count, into);
    note(`part ${part} summed`);
  };
  return { ...ranks, mean };
}

function note(event) {
  events.push([event, performance.now()]);
}

/** Medians of the milliseconds from the beginning of a step to its events, in order. */
async function trace() {
  const found = new Map();
  for (let step = 0; step < steps; step++) {
    events.length = 0;
    const begin = performance.now();
    await session.step(0);
    note('next step');
    for (const [event, ms] of events) found.set(event, [...(found.get(event) ?? []), ms - begin]);
  }
  const medians = [...found].map(([event, ms]) => [event, Number(median(ms).toFixed(2))]);
  return Object.fromEntries(medians.sort(([, a], [, b]) => a - b));
}
