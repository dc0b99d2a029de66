import { afterEach, expect, it } from 'vitest';
import { type TinyRun, tinyRun } from '../../test/tinyRun.js';
import { generateSynthetic } from '../data/index.js';
import { exportedLayers } from '../deploy/exportedLayers.js';
import { selectEngine } from '../engine/selectEngine.js';
import { STORAGE, type Variables } from '../nn/index.js';
import { openInference } from '../program/inference.js';
import { copyParameters } from '../program/parameters.js';
import { withoutPruned } from '../program/prunedChannels.js';
import { tensorOf } from '../program/quantizerReport.js';
import { buildEvaluationProgram, type ProgramOptions } from '../program/trainingProgram.js';
import { lowerNetwork } from '../ship/lowering.js';
import { type LoadedWeights, weightsOf } from '../weights/loadedWeights.js';
import { readCheckpoint } from './checkpoint.js';
import { partOf } from './parameterElements.js';
import { refits } from './refits.js';

/** Two bits a weight are 0.404 kB in the tiny network. */
const tight = {
  ...{ w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', batch_size: 8 },
  ...{ budget: 'guaranteed', budget_prune: true, budget_search: 0.5, target_weight_kbytes: 0.3, epochs: 4 },
};

/** A search inside the budget, by gradients that are measured. */
const allocated = { budget_begin: 'allocated', budget_measure: 2 };

const open: TinyRun[] = [];
afterEach(async () => {
  for (const run of open.splice(0)) await run.dispose();
});

async function trained(settings: Readonly<Record<string, unknown>> = {}): Promise<TinyRun> {
  const run = await tinyRun({ ...tight, ...settings });
  open.push(run);
  await run.train();
  return run;
}

function channelsLeft({ channelGroups, remains }: Variables): number[] {
  return channelGroups.map(({ channels }, group) => (remains ? remains.channels[group]!.length : channels));
}

it.each([
  ['momentum', {}],
  ['Adam and averages', { optimizer: 'adam', initial_learning_rate: 0.01, ema_decay: 0.9 }],
  ['powers of two', { w_quantize: 'parametric_pow2_xmin_xmax', a_quantize: 'parametric_pow2_xmin_xmax_relu' }],
  ['a step a channel', { w_per_channel: true }],
  ['bits given before the first step', { budget_search: 0 }],
  ['a search that begins with an allocation', allocated],
])('a budget below the fewest bits is kept after every epoch: %s', async (_, settings) => {
  const { reports, session, experiment } = await trained(settings);
  const sizes = reports.map(({ quantizers }) => quantizers.sizes.weights_kb);
  expect(sizes).toHaveLength(experiment.training.epochs);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(0.3);
  expect(Math.max(...sizes)).toBeGreaterThan(0.2);
  // The kB that steps see are those that the host counts.
  const [left] = (await session.program.read(STORAGE.penalties, 2, 1)) as Float64Array;
  expect(left).toBeLessThanOrEqual(0.3);
});

it.each([
  ['instructions', { costs: 'cortex-m4', target_cost: 200_000 }, 'cost'],
  ['bit operations', { target_gbops: 0.001 }, 'gbops'],
] as const)('a budget of %s is kept after every epoch, by channels as by bits', async (_, target, size) => {
  const [limit] = Object.values(target).filter((value) => typeof value === 'number') as [number];
  const { session, reports } = await trained({ target_weight_kbytes: -1, budget_prune_step: 4, ...target });
  const sizes = reports.map(({ quantizers }) => quantizers.sizes[size]!);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
  expect(Math.max(...sizes)).toBeGreaterThan(0.6 * limit);
  const left = channelsLeft(session.training.variables);
  expect(Math.min(...left)).toBeGreaterThanOrEqual(4);
  expect(left.map((channels) => channels % 4)).toEqual([0, 0]);
});

it('limits with slack fall as a cube to the budget, and only then is an epoch chosen', async () => {
  const { reports } = await trained({ ...allocated, budget_slack: 3, budget_search: 0.75 });
  // The search has three epochs; what is left of the slack after each is (2/3)³, (1/3)³ and 0.
  const limits = [8 / 27, 1 / 27, 0, 0].map((left) => 0.3 * (1 + 2 * left));
  const sizes = reports.map(({ quantizers }) => quantizers.sizes.weights_kb);
  for (const [epoch, size] of sizes.entries()) {
    expect(size, `epoch ${epoch + 1}`).toBeLessThanOrEqual(limits[epoch]!);
    expect(size, `epoch ${epoch + 1}`).toBeGreaterThan(0.9 * limits[epoch]!);
  }
  expect(reports.map(({ obeysBudget }) => obeysBudget)).toEqual([false, false, true, true]);
  expect(reports.map(({ isBest }) => isBest).slice(0, 3)).toEqual([false, false, true]);
});

it('the best values of bits are those of the channels that are left', async () => {
  const { program, training } = (await trained()).session;
  const { variables } = training;
  const [table, parameters] = [await program.read(STORAGE.quantizers), await program.read(STORAGE.parameters)];
  const refit = refits(variables, table, parameters);
  const row = variables.quantizers.findIndex(
    (quantizer, at) => quantizer.count > variables.counted.quantizers[at]!.count,
  );
  const { remains } = variables;
  variables.remains = null;
  // Pruned weights are 0; one that is not shows in the error.
  const weights = partOf(variables.find(tensorOf(variables.quantizers[row]!.name))!, parameters);
  weights.set(weights.map((weight) => weight || 1));
  const ofAll = refit(row, 2);
  variables.remains = remains;
  expect(refit(row, 2)).toEqual(refits(variables, table, parameters)(row, 2));
  expect(refit(row, 2).error).toBeLessThan(ofAll.error);
});

it('what is zero stays zero, whatever is trained', async () => {
  const { session } = await trained();
  const { program, training } = session;
  const { variables } = training;
  const parameters = await program.read(STORAGE.parameters);
  const [{ channels, factors }] = variables.channelGroups as [Variables['channelGroups'][number]];
  const before = channelsLeft(variables);
  expect(before[0]).toBeLessThan(channels);
  const [gamma, beta] = factors.map((name) => {
    const { offset } = variables.find(name)!.view;
    return parameters.subarray(offset, offset + channels);
  });
  const isGone = (channel: number) => !variables.remains!.channels[0]!.includes(channel);
  for (let channel = 0; channel < channels; channel++) {
    const isZero = gamma![channel] === 0 && beta![channel] === 0;
    expect(isZero, `channel ${channel}`).toBe(isGone(channel));
  }
});

it.each([
  ['under the penalty', {}, 1],
  ['inside the budget', allocated, 0],
  ['with limits that fall', { ...allocated, budget_slack: 3, budget_search: 0.75 }, 1],
])('a run that stops goes on to the same numbers: %s', async (_, settings, finished) => {
  const whole = await trained(settings);
  const resumed = await tinyRun({ ...tight, ...settings });
  open.push(resumed);
  const checkpoint = { file: whole.checkpointFiles[finished]!, source: 'checkpoint' };
  const { restore, state } = readCheckpoint(checkpoint, resumed.session.training);
  restore(resumed.session.program);
  // The recorder of the second half does not know the epochs of the first.
  await resumed.train({ ...state, best: null });
  expect(resumed.checkpointFiles.at(-1)).toHaveLength(whole.checkpointFiles.at(-1)!.length);
  expect(resumed.reports.map(({ quantizers }) => quantizers)).toEqual(
    whole.reports.slice(finished + 1).map(({ quantizers }) => quantizers),
  );
  const [a, b] = await Promise.all([whole, resumed].map(({ session }) => session.program.read(STORAGE.parameters)));
  expect(b).toEqual(a);
});

it('what is shipped has no pruned channels, and weighs what training counts', async () => {
  const { session, reports } = await trained();
  const { training, program } = session;
  const tensors = (await copyParameters(training, program))();
  const weights = weightsOf(new Map(tensors.map((tensor) => [tensor.name, tensor])), 'trained');
  const engine = await selectEngine('cpu', { threads: 1 });
  const images = generateSynthetic(5, 16).train;
  const logitsOf = async (options: ProgramOptions, of: LoadedWeights) => {
    const { logits, variables } = await openInference(engine, options, of);
    return { logits: Array.from(await logits(images)), variables };
  };
  const whole = await logitsOf(training.options, weights);
  expect(channelsLeft(whole.variables)).toEqual(channelsLeft(training.variables));
  const left = withoutPruned({ options: training.options, variables: whole.variables }, weights);
  const thin = await logitsOf(left.options, left.weights);
  await engine.dispose();
  expect(thin.variables.find('conv2/quantized_conv/W')!.shape).toEqual([3, 3, ...channelsLeft(whole.variables)]);
  expect(thin.logits).toEqual(whole.logits.map((logit) => expect.closeTo(logit, 4)));
  const built = buildEvaluationProgram({ ...left.options, starting: left.weights });
  const { network } = lowerNetwork(built, [], { prove: false });
  const bytes = exportedLayers(network).reduce((sum, { weightBytes }) => sum + weightBytes, 0);
  // Each of four tensors is rounded up to whole bytes.
  const counted = 1024 * reports.at(-1)!.quantizers.sizes.weights_kb;
  expect(bytes).toBeGreaterThanOrEqual(counted);
  expect(bytes).toBeLessThan(counted + 4);
});
