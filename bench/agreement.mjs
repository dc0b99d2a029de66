/**
 * Compares engines: the losses of the first training steps side by side, and their mean deviation relative to the first
 * column. Shows whether engines differ by more than rounding.
 *
 * Training amplifies rounding: a change in the last bit of a weight moves some pre-activations across zero, the
 * gradient changes by whole elements, and a few steps later the losses differ in the third digit. Perturbed columns
 * measure this: `cpu~1e-7` multiplies every parameter by 1 + 1e-7·N(0, 1), each such column with other numbers.
 * Differences beyond rounding show before any amplification: everything that the host writes (start weights, images,
 * batches, augmentation, learning rates) must have the same hash, and the results of the first evaluation and the first
 * step must agree as well as the precision of the operands allows. `--follow` removes the amplification: all columns
 * take every step from the first column's state before it, so that each loss and each change of the parameters has the
 * same input on every engine.
 *
 * Run after `npm run build`, for example
 *   node bench/agreement.mjs DEFAULT --cfg configs/train_resnet_quant_fp.cfg --data images:DIR \
 *     --columns cpu,cpu~1e-7,cpu~1e-7,gpu:float32,gpu:float16x2,gpu:float16 --steps 50 --json FILE
 * A column is DEVICE[:MATMUL_PRECISION][~PERTURBATION]; `--limit-train`, `--batch-size` and `--seed` as in `mpdnn
 * train`.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../dist/data/index.js';
import { selectEngine } from '../dist/engine/selectEngine.js';
import { STORAGE } from '../dist/nn/index.js';
import { loadExperimentData } from '../dist/runs/experimentData.js';
import { runExperiment } from '../dist/runs/runExperiment.js';
import { resolveExperiment } from '../dist/settings/index.js';
import { readConfigFile } from '../dist/settings/readConfigFile.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cfg: { type: 'string', default: 'configs/train_resnet_quant_fp.cfg' },
    columns: { type: 'string', default: 'cpu,cpu~1e-7,gpu' },
    steps: { type: 'string', default: '50' },
    data: { type: 'string' },
    'batch-size': { type: 'string' },
    'limit-train': { type: 'string' },
    'initial-learning-rate': { type: 'string' },
    seed: { type: 'string' },
    follow: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});

const { cfg, columns: columnList, steps: stepCount, follow, json, ...overrides } = options;
const steps = Number(stepCount);
/** State that one step passes to the next, as far as a plan has it. */
const handedOn = new Set([
  STORAGE.parameters,
  STORAGE.velocity,
  STORAGE.secondMoment,
  STORAGE.running,
  STORAGE.quantizers,
  STORAGE.quantizerVelocity,
  STORAGE.quantizerSecondMoment,
]);
/**
 * The first column's course with `--follow`: its state before every step, and the change of the parameters in that
 * step.
 */
const course = [];
const out = mkdtempSync(join(tmpdir(), 'agreement-'));
const file = readConfigFile(cfg);
const experiment = resolveExperiment(file, positionals[0] ?? 'DEFAULT', { ...overrides, out });
const data = await loadExperimentData(experiment, () => {});
const { batchSize, seed, initialLearningRate } = experiment.training;
console.log(
  `${experiment.name}, ${data.train.count} images, batch ${batchSize}, learning rate ${initialLearningRate}, seed ${seed}`,
);
console.log(`${cpus()[0].model}, Node ${process.version}`);
const columns = [];
for (const [index, name] of columnList.split(',').entries()) columns.push(await columnOf(name, index));
rmSync(out, { recursive: true });
print(columns);
if (json) writeFileSync(json, JSON.stringify({ experiment: experiment.name, steps, overrides, columns }, null, 2));

/** Trains as `mpdnn train` does, with an engine whose calls are recorded. */
async function columnOf(name, index) {
  const [, device, matmulPrecision, size = '0'] = /^([a-z]+)(?::(\w+))?(?:~(.+))?$/.exec(name);
  const engine = await selectEngine(device, { matmulPrecision });
  const { description } = engine;
  const stop = new AbortController();
  const seen = { inputs: createHash('sha256'), losses: [], evaluations: [], changes: [], gradients: null };
  const watched = async (plan, onProgress) => {
    const program = await engine.load(plan, onProgress);
    const state = plan.storages.map(({ name }) => name).filter((name) => handedOn.has(name));
    const step = (phase) =>
      follow ? followed(program, phase, state, { size: Number(size), index, seen }) : program.run(phase);
    return {
      ...program,
      write: (storage, values, offset = 0) => {
        if (seen.losses.length < steps) seen.inputs.update(`${storage} ${offset} `).update(Float64Array.from(values));
        program.write(storage, values, offset);
      },
      run: async (phase) => {
        if (phase === 'evaluate') return program.run(phase);
        if (!follow && seen.losses.length === 0) await perturb(program, Number(size), index);
        if (seen.losses.length < 2) seen.evaluations.push(await evaluationLoss(program));
        await step(phase);
        seen.losses.push((await program.read(STORAGE.loss))[0]);
        seen.gradients ??= await program.read(STORAGE.gradients);
        if (seen.losses.length === steps) stop.abort();
      },
    };
  };
  const bench = { engine: async () => ({ ...engine, load: watched }), data: async () => data };
  const quiet = { task: () => {}, line: () => {} };
  const started = performance.now();
  await runExperiment(experiment, file, bench, { force: true, events: quiet, signal: stop.signal });
  const seconds = (performance.now() - started) / 1000;
  await engine.dispose();
  console.log(`${name}: ${engine.name}, ${description}, ${seconds.toFixed(0)} s`);
  return { name, description, ...seen, inputs: seen.inputs.digest('hex').slice(0, 16) };
}

/** One step from the first column's state before its own, perturbed if the column says so. */
async function followed(program, phase, state, { size, index, seen }) {
  const step = seen.losses.length;
  if (index === 0) {
    const values = await Promise.all(state.map((name) => program.read(name)));
    course.push({ values: values.map((numbers) => numbers.slice()) });
  } else {
    for (const [i, name] of state.entries()) program.write(name, course[step].values[i]);
    await perturb(program, size, index);
  }
  const before = (await program.read(STORAGE.parameters)).slice();
  await program.run(phase);
  const change = (await program.read(STORAGE.parameters)).map((value, i) => value - before[i]);
  if (index === 0) course[step].change = change;
  else seen.changes.push(distance(change, course[step].change));
}

async function perturb(program, size, stream) {
  if (size === 0) return;
  const random = createRandom(1, stream);
  const parameters = await program.read(STORAGE.parameters);
  program.write(
    STORAGE.parameters,
    parameters.map((value) => value * (1 + size * random.normal())),
  );
}

/** Loss of the first evaluation images. Afterwards the batch of the next step is back in place. */
async function evaluationLoss(program) {
  const position = await program.read(STORAGE.position);
  program.write(STORAGE.position, [0]);
  await program.run('evaluate');
  program.write(STORAGE.position, position);
  return (await program.read(STORAGE.loss))[0];
}

function print([judge, ...others]) {
  const row = (head, first, cells) => console.log(`${head.padEnd(24)}${first.padStart(18)}${cells.join('')}`);
  const number = (value, expected) => {
    const deviation = ((value - expected) / expected).toExponential(1);
    return `${value.toFixed(6).padStart(15)} ${deviation.padStart(9)}`;
  };
  const numbers = (head, of) =>
    row(
      head,
      of(judge).toFixed(6),
      others.map((column) => number(of(column), of(judge))),
    );
  console.log();
  row(
    '',
    judge.name,
    others.map(({ name }) => name.padStart(25)),
  );
  row(
    'inputs',
    judge.inputs,
    others.map(({ inputs }) => inputs.padStart(25)),
  );
  numbers('evaluation at the start', ({ evaluations }) => evaluations[0]);
  row(
    'gradients of step 1',
    '',
    others.map(({ gradients }) => distance(gradients, judge.gradients).toExponential(1).padStart(25)),
  );
  if (steps > 1) numbers('evaluation after step 1', ({ evaluations }) => evaluations[1]);
  for (let step = 0; step < steps; step++) numbers(`loss of step ${step + 1}`, ({ losses }) => losses[step]);
  numbers('mean loss', ({ losses }) => losses.reduce((sum, loss) => sum + loss, 0) / steps);
  const largest = (head, of) =>
    row(
      head,
      '',
      others.map((column) =>
        Math.max(...of(column))
          .toExponential(1)
          .padStart(25),
      ),
    );
  largest('largest loss deviation', ({ losses }) => losses.map((loss, i) => Math.abs(loss / judge.losses[i] - 1)));
  if (follow) largest('largest step deviation', ({ changes }) => changes);
}

/** Euclidean distance relative to the length of `expected`. */
function distance(values, expected) {
  const length = (numbers) => Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0));
  return length(Float64Array.from(values, (value, i) => value - expected[i])) / length(expected);
}
