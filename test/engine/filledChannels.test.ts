/**
 * Trainings with filled channels have the numbers of those without, bit by bit on the reference engine, where sums have
 * their order.
 */

import { expect, it } from 'vitest';
import { createRandom, generateSynthetic, trainingEpoch } from '../../src/data/index.js';
import type { Device } from '../../src/device.js';
import type { Engine, Program } from '../../src/engine/engine.js';
import { fillingEngine } from '../../src/engine/fillingEngine.js';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { selectEngine } from '../../src/engine/selectEngine.js';
import { elementCount, Graph, type Plan } from '../../src/graph/index.js';
import { type Define, network, STORAGE, type Value } from '../../src/nn/index.js';
import { fillChannels } from '../../src/passes/filledChannels.js';
import { validate } from '../../src/passes/validation.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram, type TrainingProgram } from '../../src/program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../../src/settings/index.js';
import { dataShape, programOptions, quantizedNetwork } from '../../src/train/programOptions.js';
import { skipsGpu } from '../softwareGpu.js';

const batchSize = 4;
const images = generateSynthetic(3, 4 * batchSize);
const shape = dataShape(images, undefined, images.test.count);

type Settings = Readonly<Record<string, unknown>>;

const uniform = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };

/** Layers with many operations whose channels can be filled. */
const branched: Define = (n, x) => {
  const stem = n.maxPool(n.conv(x, 5, { stride: 4 }), { size: 2 });
  const sum = n.add(n.conv(n.conv(stem, 7), 5, { activation: 'none' }), stem);
  const shortcut = n.subsample(sum, { stride: 2, channels: 9 });
  const deep = n.add(n.conv(sum, 9, { stride: 2, activation: 'none' }), shortcut);
  const wide = n.averagePool(n.depthwise(n.scale(n.conv(deep, 11, { size: 1, activation: 'hardSwish' }))), { size: 2 });
  return n.linear(n.linear(n.globalAverage(n.conv(wide, 6, { batchNorm: false })), 7), 10);
};

/** Gradients of the channels that a shortcut appends are not those of filled channels before it, whatever the activation passes. */
const shortcuts: Define = (n, x) => {
  const shortcut = (value: Value, channels: number, batchNorm: boolean) => {
    const deep = n.conv(value, channels, { activation: 'none', batchNorm });
    return n.add(deep, n.subsample(value, { stride: 1, channels }), { activation: 'silu' });
  };
  const stem = n.conv(x, 5, { stride: 8, activation: 'silu', batchNorm: false });
  return n.linear(n.globalAverage(shortcut(shortcut(stem, 7, true), 9, false)), 10);
};

const own = { model: './branched.mjs' };
const narrow = { model: 'resnet20', width_multiplier: 0.3 };

function trainingOf(settings: Settings, define: Define = branched, teacher: Settings | null = null): TrainingProgram {
  const experimentOf = (of: Settings) => {
    const definition = of.model === own.model ? network({ input: [32, 32, 3] }, define) : null;
    return withDefinition(experimentFromSettings('odd', 'odd.cfg', { batch_size: batchSize, ...of }), definition);
  };
  const distillation = teacher && {
    ...{ teacher: quantizedNetwork(experimentOf(teacher), shape), scaling: null, temperature: 2, weight: 0.75 },
  };
  return buildTrainingProgram({ ...programOptions(experimentOf(settings), shape, null), distillation });
}

/** All that is stored after two steps and an evaluation. */
async function trained(engine: Engine, training: TrainingProgram): Promise<ReadonlyMap<string, readonly number[]>> {
  const { variables, plan, teacher, options } = training;
  const session = await openSession(engine, training);
  const { program } = session;
  for (const { shape, view } of [...(teacher?.parameters ?? []), ...(teacher?.running ?? [])]) {
    const values = Float64Array.from({ length: elementCount(shape) }, (_, i) => 0.3 + 0.2 * Math.sin(i));
    program.write(view.storage.name, values, view.offset);
  }
  session.setTrainingImages(images.train);
  session.setEvaluationImages(images.test);
  const stepSize = options.batchSize * (options.shards ?? 1);
  session.setBatches(trainingEpoch(images.train.count, stepSize, createRandom(5), { shift: 4, mirror: true }));
  program.write(STORAGE.control, [0.05, 0.1, 0.1, 0.5, 0.1, -0.1]);
  if (plan.storages.some(({ name }) => name === STORAGE.bitCaps)) {
    program.write(STORAGE.bitCaps, new Float64Array(2 * variables.quantizers.length).fill(6));
  }
  for (const step of [0, 1]) await session.step(step);
  await session.evaluate();
  const stored = new Map<string, readonly number[]>();
  for (const { name } of plan.storages) stored.set(name, [...(await program.read(name))]);
  await engine.dispose();
  return stored;
}

/** The channels of the convolutions of a plan. */
function channelsOf({ phases }: Plan): number[] {
  return Object.values(phases).flatMap((nodes) =>
    nodes.flatMap(({ op, results }) => (op === 'conv2d' ? [results.y.shape[3]!] : [])),
  );
}

/** The number of channels that a convolution of the networks above gets. */
function filledTo(channels: number, multiple: number): number {
  // A depthwise convolution reads these.
  const own = channels === 11 ? 4 : multiple;
  const filled = Math.ceil(channels / own) * own;
  return filled > 1.8 * channels ? channels : filled;
}

const pruned = { budget: 'guaranteed', budget_prune: true, target_weight_kbytes: 6 };

it.each<[what: string, settings: Settings, teacher?: Settings | null, define?: Define]>([
  ['a residual network in float', narrow],
  [
    'a residual network with learned bits, all of the solver and the evaluation',
    { ...narrow, ...uniform, ...pruned, ema_decay: 0.9, nesterov: true },
  ],
  [
    'layers of every kind with Adam and a step for each channel',
    { ...own, ...uniform, w_per_channel: true, optimizer: 'adam', bn_reestimate: 2 },
  ],
  ['shortcuts of channels behind which others begin', { ...own, ...uniform, a_quantize_linear: true }, null, shortcuts],
  ['quantizers that pass gradients at zero', { ...narrow, a_quantize: 'fp_relu', a_bitwidth: 8 }],
  ['damped oscillations', { ...narrow, ...uniform, damp_oscillations: 0.1, decay_exclude: 'bn,bias' }],
  ['shards', { ...own, ...uniform, shards: 2, batch_size: 2 * batchSize }],
  ['a teacher', { ...own, ...uniform }, { ...narrow, w_quantize: 'parametric_fp_b_xmax' }],
])('%s: the same numbers', async (_what, settings, teacher = null, define = branched) => {
  const training = trainingOf(settings, define, teacher);
  const wanted = await trained(createReferenceEngine(), training);
  for (const multiple of [4, 8, 16]) {
    const { plan, places } = fillChannels(training.plan, multiple)!;
    for (const nodes of Object.values(plan.phases)) validate(Object.assign(new Graph(), { nodes }));
    expect(channelsOf(plan)).toEqual(channelsOf(training.plan).map((channels) => filledTo(channels, multiple)));
    expect(channelsOf(plan)).not.toEqual(channelsOf(training.plan));
    const reference = createReferenceEngine();
    const programs: Program[] = [];
    const load: Engine['load'] = async (given) => {
      programs.push(await reference.load(given));
      return programs.at(-1)!;
    };
    const found = await trained(fillingEngine({ ...reference, load, channelMultiple: multiple }), training);
    for (const [name, values] of wanted) expect(found.get(name), name).toEqual(values);
    for (const [name, own] of places) {
      if (name === STORAGE.statistics) continue;
      const hidden = (await programs[0]!.read(name)).slice();
      for (const place of own) hidden[place] = 0;
      expect(
        hidden.every((value) => value === 0),
        `what is behind the channels of ${name}`,
      ).toBe(true);
    }
  }
});

it.each<[kept: string, settings: Settings, define: Define, channels: readonly number[]]>([
  [
    'channels that a sigmoid makes factors of, or that are beside others',
    own,
    (n, x) => {
      const stem = n.conv(x, 7, { stride: 8 });
      const excited = n.conv(n.multiply(stem, n.activation(n.linear(n.globalAverage(stem), 7), 'sigmoid')), 5);
      return n.linear(n.globalAverage(n.conv(n.concat([excited, n.conv(excited, 6)]), 9)), 10);
    },
    [7, 5, 6, 12],
  ],
  [
    'channels whose places decide what follows',
    own,
    (n, x) => n.linear(n.flatten(n.conv(n.shuffle(n.conv(n.conv(x, 5, { stride: 8 }), 6), { groups: 2 }), 7)), 10),
    [8, 6, 7],
  ],
  [
    'channels of weights that are never zero',
    { ...own, w_quantize: 'parametric_pow2_xmin_xmax' },
    (n, x) => n.linear(n.globalAverage(n.conv(n.conv(x, 5, { stride: 8 }), 7)), 10),
    [5, 7],
  ],
  [
    'the classes',
    own,
    (n, x) => n.globalAverage(n.conv(n.conv(x, 5, { stride: 8 }), 10, { activation: 'none' })),
    [8, 10],
  ],
])('keeps %s', async (_what, settings, define, channels) => {
  const training = trainingOf(settings, define);
  const filled = fillChannels(training.plan, 4)?.plan ?? training.plan;
  expect(channelsOf(filled).slice(0, channels.length)).toEqual(channels);
  const wanted = await trained(createReferenceEngine(), training);
  const found = await trained(fillingEngine({ ...createReferenceEngine(), channelMultiple: 4 }), training);
  for (const [name, values] of wanted) expect(found.get(name), name).toEqual(values);
});

it('parts of storages are those of the network, and end where it ends', async () => {
  const { plan, variables } = trainingOf(own);
  const program = await fillingEngine({ ...createReferenceEngine(), channelMultiple: 8 }).load(plan);
  const { length } = plan.storages.find(({ name }) => name === STORAGE.parameters)!;
  const values = Float64Array.from({ length }, (_, i) => i + 1);
  program.write(STORAGE.parameters, values);
  const { offset } = variables.parameters[3]!.view;
  expect([...(await program.read(STORAGE.parameters, offset, 3))]).toEqual([offset + 1, offset + 2, offset + 3]);
  program.write(STORAGE.parameters, [7, 8], length - 2);
  expect([...(await program.read(STORAGE.parameters))]).toEqual([...values.subarray(0, length - 2), 7, 8]);
  expect(() => program.write(STORAGE.parameters, [7, 8], length - 1)).toThrow(`ends at ${length}`);
  await expect(program.read(STORAGE.parameters, 1, length)).rejects.toThrow(`ends at ${length}`);
});

it('networks that are loaded together are filled, each with its own result', async () => {
  const reference = createReferenceEngine();
  const loadTogether: Engine['loadTogether'] = async (plans) => [
    ...plans.slice(0, 2).map((plan) => reference.load(plan)),
    Promise.reject(new Error('no memory')),
    null,
  ];
  const engine = fillingEngine({ ...reference, channelMultiple: 4, loadTogether });
  const odd = trainingOf(own);
  const even = trainingOf(own, (n, x) => n.linear(n.globalAverage(n.conv(x, 8, { stride: 8 })), 10));
  const plans = [odd, even, odd, odd].map(({ plan }) => plan);
  const [first, second, third, fourth] = await engine.loadTogether!(plans);
  for (const [program, training] of [
    [first!, odd],
    [second!, even],
  ] as const) {
    const alone = await trained(createReferenceEngine(), training);
    const together = await trained({ ...reference, load: () => program, dispose: async () => {} }, training);
    expect(together).toEqual(alone);
  }
  await expect(third).rejects.toThrow('no memory');
  expect(fourth).toBeNull();
});

it.each<[device: Device, shards: number]>([
  ['cpu', 1],
  ['gpu', 2],
])('%s with %i shards: the parameters of the reference engine', { timeout: 120_000 }, async (device, shards) => {
  if (device === 'gpu' && skipsGpu) return;
  const training = trainingOf({ ...own, ...uniform, shards, batch_size: shards * batchSize });
  const wanted = await trained(createReferenceEngine(), training);
  const found = await trained(await selectEngine(device, { threads: 2 }), training);
  for (const name of [STORAGE.loss, STORAGE.parameters, STORAGE.running, STORAGE.quantizers]) {
    for (const [i, value] of wanted.get(name)!.entries()) expect(found.get(name)![i], name).toBeCloseTo(value, 3);
  }
});
