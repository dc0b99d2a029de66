/**
 * Where the time of a real training goes: steps at their usual pace, and what comes between them. `mpdnn bench` times
 * steps alone; this trains as `mpdnn train` does, with its data, evaluations, reports and files, and watches when the
 * loop calls the engine. The first epoch is left out, in which an engine still warms up.
 *
 * Run after `npm run build`, for example
 *   node bench/training.mjs PARAMETRIC_FP_WAQ_DELTA_XMAX --data images:DIR --device gpu --epochs 6 --select validation
 * Options are those of `mpdnn train`, and `--parallel N` for as many seeds together on a GPU; times are those of the first
 * one then, which waits for the others. Run folders are temporary; tuned tiles are read and kept as usual. Also runs on
 * a software adapter.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { tuningFile } from '../dist/cli/options.js';
import { textTable } from '../dist/cli/textTable.js';
import { selectEngine } from '../dist/engine/selectEngine.js';
import { median } from '../dist/median.js';
import { trainTogether } from '../dist/runs/plan/trainTogether.js';
import { runExperiment } from '../dist/runs/runExperiment.js';
import { openWorkbench } from '../dist/runs/workbench.js';
import { resolveExperiment, settingKeys } from '../dist/settings/index.js';
import { readConfigFile } from '../dist/settings/readConfigFile.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cfg: { type: 'string', default: 'configs/train_resnet_quant_fp.cfg' },
    weights: { type: 'string' },
    parallel: { type: 'string', default: '1' },
    ...Object.fromEntries(settingKeys.map((key) => [key.replaceAll('_', '-'), { type: 'string' }])),
  },
});

/** Steps of an epoch by which the loop has recorded the one before and drawn the batches of the next one. */
const RECORDED = 256;

const { cfg, parallel, ...overrides } = values;
const out = mkdtempSync(join(tmpdir(), 'training-'));
const file = readConfigFile(cfg);
const experimentOf = (more = {}) => resolveExperiment(file, positionals[0] ?? 'DEFAULT', { ...overrides, ...more });
const experiment = experimentOf();
const experiments = Array.from({ length: Number(parallel) }, (_, index) => {
  const seed = String(experiment.training.seed + index);
  return experimentOf({ seed, out: join(out, seed) });
});
const { device, threads, matmulPrecision } = experiment;
/** Runs of phases: when they were called, when the call returned to the loop, and when it accepted more work. */
const runs = [];
const engine = await selectEngine(device, {
  threads: threads ?? undefined,
  matmulPrecision,
  tuningFile: tuningFile(true),
});
const watched = (shared) => ({
  ...shared,
  load: async (plan, onProgress) => {
    const program = await shared.load(plan, onProgress);
    return {
      ...program,
      run: async (phase) => {
        const run = { phase, called: performance.now() };
        runs.push(run);
        const accepted = program.run(phase);
        run.returned = performance.now();
        await accepted;
        run.accepted = performance.now();
      },
    };
  },
});
const bench = openWorkbench();
const { signal } = new AbortController();
let ended = 0;
const trainings = experiments.map((each, index) => async (own) => {
  const shared = await own.engine(each);
  const watching = { ...own, engine: async () => (index === 0 ? watched(shared) : shared) };
  await runExperiment(each, file, watching, { force: true, events: { task: () => {}, line: () => {} }, signal });
  if (index === 0) ended = performance.now();
});
await trainTogether(bench, engine, trainings, { signal, line: (text) => process.stderr.write(`${text}\n`) });
await engine.dispose();
rmSync(out, { recursive: true });
print(timeline());

/** The runs with their epoch, the number of its steps so far, and the time until the next run. */
function timeline() {
  let epoch = 0;
  let step = 0;
  return runs.map((run, index) => {
    const next = runs[index + 1];
    if (isStep(run)) step++;
    const entry = { ...run, epoch, step, next: next?.phase, ms: (next?.called ?? ended) - run.called };
    if (run.phase === 'evaluate' && next?.phase !== 'evaluate') {
      epoch++;
      step = 0;
    }
    return entry;
  });
}

function print(all) {
  const kept = all.filter(({ epoch }) => epoch > 0);
  const epochs = kept.at(-1).epoch;
  const steps = kept.filter(isStep);
  const evaluations = kept.filter(({ phase }) => phase === 'evaluate');
  const recorded = Math.min(RECORDED, (3 * steps.length) / epochs / 4);
  const within = steps.filter(({ next }) => next === steps[0].phase);
  const pace = median(within.filter(({ step }) => step > recorded).map(({ ms }) => ms));
  const sum = (of, value) => of.reduce((total, run) => total + value(run), 0);
  const lost = (of) => sum(of, ({ ms }) => ms - pace);
  const total = sum(kept, ({ ms }) => ms);
  const parts = {
    [`steps at their pace of ${pace.toFixed(3)} ms`]: steps.length * pace,
    'first steps of an epoch: the last one is recorded, the next one drawn': lost(
      within.filter(({ step }) => step <= recorded),
    ),
    'later steps: metrics are read': lost(within.filter(({ step }) => step > recorded)),
    'after the steps: metrics, budget, moments': sum(
      kept.filter((run) => run.phase !== 'evaluate' && !within.includes(run)),
      (run) => run.ms - (isStep(run) ? pace : 0),
    ),
    [`evaluations, ${evaluations.length / epochs} batches`]: sum(evaluations, ({ ms }) => ms),
    all: total,
  };
  const rows = Object.entries(parts).map(([part, ms]) => [
    part,
    (ms / epochs / 1000).toFixed(4),
    `${((100 * ms) / total).toFixed(1)} %`,
  ]);
  const together = experiments.length === 1 ? '' : `, ${experiments.length} seeds together`;
  console.log(
    `${experiment.name}${together}: ${epochs} epochs of ${steps.length / epochs} steps, ${engine.description}`,
  );
  console.log(textTable([['part', 's an epoch', 'share'], ...rows]));
  const host = (of) => {
    const mean = (value) => (sum(of, value) / of.length).toFixed(3);
    const called = mean(({ called, returned }) => returned - called);
    return `${called} ms in the call, ${mean(({ returned, accepted }) => accepted - returned)} until it accepts more`;
  };
  console.log(`a step: ${host(within)}; a batch of an evaluation: ${host(evaluations)}`);
  console.log(`first step ${(runs[0].called / 1000).toFixed(2)} s after the start`);
}

function isStep({ phase }) {
  return phase === 'train' || phase === 'update';
}
