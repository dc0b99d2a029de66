import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { npy, zip } from '../../test/arrayFiles.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { png } from '../disk/png.js';
import { type Define, network } from '../nn/index.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { experimentFromSettings, type Overrides, withDefinition } from '../settings/index.js';
import { shippable } from '../ship/shippable.js';
import { programOptions } from '../train/programOptions.js';
import { askedFor, type Recipe, recommend } from './recipe.js';

const events = { task: () => {} };

function recipe(options: Overrides): Promise<Recipe> {
  return recommend(askedFor({ data: 'synthetic:96', model: 'tiny', ...options }), events);
}

/** The name of data with 40 inputs of two features each. */
function featuresFile(name: string, x: Float32Array | Uint8Array): string {
  const y = Uint8Array.from({ length: 40 }, (_, input) => input % 2);
  const [inputs, labels] = [npy([40, 2], x), npy([40], y)];
  const file = join(temporaryFolder(), name);
  writeFileSync(
    file,
    zip({ 'x_train.npy': inputs, 'x_test.npy': inputs, 'y_train.npy': labels, 'y_test.npy': labels }),
  );
  return `arrays:${file}`;
}

describe('what is recommended', () => {
  it('follows from the images, with a budget relative to the network', async () => {
    const { name, experiments } = await recipe({});
    const [float, learned] = experiments;
    expect([name, float.runName, learned.runName]).toEqual(['synthetic', 'synthetic-float', 'synthetic']);
    expect(float.training).toMatchObject({ batchSize: 8, epochs: 100, select: 'last', startFrom: null });
    expect(learned.training.startFrom).toBe('synthetic-float/params_best.safetensors');
    expect(learned.budget).toMatchObject({ mode: 'guaranteed', targetActivationType: 'max' });
    expect(learned.budget.targetWeightKbytes).toBeGreaterThan(0);
    expect([learned.weights.kind, learned.weights.stepSize]).toEqual(['parametric_fp_d_xmax', 'auto']);
    expect([float.weights.kind, float.settings.mean]).toEqual([null, [128 / 255]]);
  });

  it('gives way to what the call says, each where it belongs', async () => {
    const { experiments, text } = await recipe({
      name: 'N',
      epochs: 7,
      batchSize: 5,
      'target-weight-kbytes': 0.7,
      target_activation_kbytes: -1,
      w_bitwidth: 6,
      'learning-rate-drops': '2',
      momentum: 0.8,
    });
    const [float, learned] = experiments;
    expect([float.training.epochs, learned.training.epochs]).toEqual([4, 3]);
    expect(experiments.map(({ training }) => [training.batchSize, training.schedule, training.momentum])).toEqual([
      [5, 'step', 0.8],
      [5, 'step', 0.8],
    ]);
    expect(learned.budget).toMatchObject({ targetWeightKbytes: 0.7, targetActivationKbytes: -1 });
    expect(learned.weights.bitwidth).toBe(6);
    expect(text).toContain('[N]\nweightfile = N-float/params_best.safetensors\nepochs = 3\n');
  });

  it('has no target for what stays in float', async () => {
    const targetsOf = async (options: Overrides) => {
      const { targetWeightKbytes, targetActivationKbytes } = (await recipe(options)).experiments[1].budget;
      return [targetWeightKbytes > 0, targetActivationKbytes > 0];
    };
    expect(await targetsOf({ w_quantize: 'none' })).toEqual([false, true]);
    expect(await targetsOf({ w_quantize: 'none', target_weight_kbytes: -1 })).toEqual([false, true]);
    expect(await targetsOf({ w_quantize: 'none', layers: 'fc/*: w_quantize = pow2' })).toEqual([false, true]);
    expect(await targetsOf({ a_quantize: 'none' })).toEqual([true, false]);
    expect(await targetsOf({ a_quantize: 'none', target_activation_kbytes: -1 })).toEqual([true, false]);
    expect(await targetsOf({ w_quantize: 'none', a_quantize: 'none' })).toEqual([false, false]);
    await expect(recipe({ target_weight_kbytes: -1, budget_prune: true })).rejects.toThrow(
      '--budget-prune = true: has no effect without budget = guaranteed',
    );
  });

  it.each<[Overrides, string]>([
    [{}, 'last'],
    [{ learning_rate_drops: '2' }, 'validation'],
    [{ schedule: 'step' }, 'validation'],
    [{ schedule: 'cosine' }, 'last'],
    [{ 'validation-split': 9 }, 'validation'],
    [{ select: 'test' }, 'test'],
    [{ select: 'last', schedule: 'step' }, 'last'],
  ])('keeps the last epoch of a cosine, unless images are to choose: %j, %s', async (options, select) => {
    const { experiments, notes } = await recipe(options);
    expect(experiments.map(({ training }) => training.select)).toEqual([select, select]);
    const told = notes.filter((note) => note.startsWith('--select'));
    const reasons = { last: 'the last epoch is kept', validation: 'images that do not train choose the best epoch' };
    const reason = options.select === undefined && reasons[select as keyof typeof reasons];
    expect(told).toEqual(reason ? [`--select ${select}: ${reason}; the test images only test`] : []);
  });

  it('prunes channels, little by little, where weights have less than two bits each', async () => {
    const net = { data: 'synthetic:96', model: 'resnet8' };
    const [whole, thinned] = [25, 10].map((kbytes) => ({ ...net, target_weight_kbytes: kbytes }));
    const budgetOf = async (options: Overrides) => (await recommend(askedFor(options), events)).experiments[1].budget;
    expect(await budgetOf(whole!)).toMatchObject({ prunes: false, begin: 'wide', searchEpochs: 25 });
    expect(await budgetOf(thinned!)).toMatchObject({
      prunes: true,
      begin: 'allocated',
      measure: 32,
      searchEpochs: 40,
      slack: 3,
    });
    expect(await budgetOf({ ...thinned, budget_search: 0 })).toMatchObject({
      prunes: true,
      begin: 'wide',
      searchEpochs: 0,
      slack: 1,
    });
    expect(await budgetOf({ ...thinned, epochs: 4 })).toMatchObject({ begin: 'allocated', searchEpochs: 1, slack: 3 });
    expect(await budgetOf({ ...thinned, epochs: 2 })).toMatchObject({ begin: 'wide', searchEpochs: 0, measure: 0 });
    await expect(budgetOf({ ...thinned, epochs: 2, budget_search: 0.4 })).rejects.toThrow(
      '--budget-search = 0.4: has no effect with epochs = 1: bits are given once',
    );
    expect(await budgetOf({ ...thinned, initial_cost_lambda2: 1 })).toMatchObject({ begin: 'wide', lambda2: 1 });
    expect(await budgetOf({ ...whole, budget_prune: true })).toMatchObject({ prunes: true, begin: 'allocated' });
    const remarkOf = async (options: Overrides) =>
      /^# of the epochs, (.*)$/m.exec((await recommend(askedFor(options), events)).text)?.[1];
    expect(await remarkOf(thinned!)).toBe('in which the limit of weights falls to its target');
    const ofProducts = { ...net, budget_prune: true, target_gbops: 0.1, target_weight_kbytes: -1 };
    expect(await remarkOf(ofProducts)).toBe('in which the limit of bit operations falls to its target');
    const ofCosts = { ...net, budget_prune: true, target_cost: 1e9, costs: 'energy-45nm', target_weight_kbytes: 25 };
    expect(await remarkOf(ofCosts)).toBe('in which the limits of weights and costs fall to their targets');
    const { notes } = await recommend(askedFor(thinned!), events);
    expect(notes.at(-1)).toBe(
      '--budget-prune true: the weights have less than two bits each, so that channels go, too',
    );
    await expect(budgetOf({ ...thinned, budget_prune: false })).rejects.toThrow(
      'cannot be met: with the fewest bits that',
    );
    const least = { ...net, target_weight_kbytes: 0.1 };
    await expect(budgetOf(least)).rejects.toThrow('cannot be met: with the fewest bits and channels that');
  });

  it('takes keys that have an effect beside what is recommended, and no others', async () => {
    const net = { data: 'synthetic:96', model: 'resnet8' };
    const budgetOf = async (options: Overrides) =>
      (await recommend(askedFor({ ...net, ...options }), events)).experiments[1].budget;
    expect(await budgetOf({ target_weight_kbytes: 10, budget_prune_step: 4 })).toMatchObject({
      prunes: true,
      pruneStep: 4,
    });
    expect(await budgetOf({ budget_prune: true })).toMatchObject({ prunes: true });
    expect(await budgetOf({ initial_cost_lambda2: 1 })).toMatchObject({ lambda2: 1 });
    const products = { target_gbops: 0.5, target_weight_kbytes: -1, target_activation_kbytes: -1 };
    expect(await budgetOf(products)).toMatchObject({ mode: 'guaranteed', targetGbops: 0.5 });
    expect(await budgetOf({ target_activation_type: 'sum' })).toMatchObject({ targetActivationType: 'sum' });
    await expect(budgetOf({ target_weight_kbytes: 25, budget_prune_step: 4 })).rejects.toThrow(
      '--budget-prune-step = 4: has no effect without channels to prune: set budget_prune = true',
    );
    await expect(budgetOf({ image_size: 64 })).rejects.toThrow(
      '--image-size = 64: has no effect with data = synthetic',
    );
  });

  it('says what all weights need where no channel can go', async () => {
    const net: Define = (n, image) => n.linear(n.flatten(image), 10);
    const asked = withDefinition(
      askedFor({ data: 'synthetic:96', model: './net.mjs', target_weight_kbytes: 1 }),
      network({ input: [32, 32, 3] }, net),
    );
    await expect(recommend(asked, events)).rejects.toThrow('cannot be met: with the fewest bits that the limits allow');
  });
});

it('suits inputs that are no pictures: neither shifted nor normalised as pixels, with bytes made of them', async () => {
  const file = join(temporaryFolder(), 'a.csv');
  const lines = Array.from({ length: 40 }, (_, line) => `${line},${line % 3},${line % 2}`);
  writeFileSync(file, `heat,noise,label\n${lines.join('\n')}\n`);
  const { experiments, notes } = await recipe({ data: `csv:${file}` });
  const [float, learned] = experiments;
  expect(notes[0]).toContain('32 inputs to train with and 8 to test with, 2 classes, 2 numbers each');
  expect(float.settings).toMatchObject({ normalise: null, mean: null, augment_shift: 0, augment_mirror: false });
  expect([float.input?.kind, learned.input?.kind]).toEqual([null, 'parametric_fp_d_xmax']);
  const shape = { classes: 2, imageShape: [1, 1, 2], trainImages: 29, evaluationImages: 11 } as const;
  const scaling = { values: 'floats', scale: [1, 1], offset: [0, 0] } as const;
  const program = buildTrainingProgram(programOptions(learned, { ...shape, scaling }, null));
  expect(shippable(program).fault).toBe(null);

  const usual = await recommend(askedFor({ data: `csv:${file}` }), events);
  expect(usual.experiments.map(({ network }) => network.model)).toEqual(['mlp', 'mlp']);
  expect(usual.notes.at(-1)).toMatch(/^--target-activation-kbytes 0.0313: .* an eighth of it$/);
  const fault = 'model: the usual one is for images; set mlp or dense_autoencoder';
  const unnamed = experimentFromSettings('A', 'a.cfg', { data: `csv:${file}` });
  expect(() => programOptions(unnamed, { ...shape, scaling }, null)).toThrow(fault);
});

it('floats may have any mean and deviation, bytes those of pixels', async () => {
  const asked = (name: string, x: Float32Array | Uint8Array) =>
    askedFor({ data: featuresFile(name, x), mean: '-1,0.6', std: '1,10' });
  const { experiments } = await recommend(asked('floats.npz', new Float32Array(80)), events);
  for (const { settings } of experiments)
    expect([settings.mean, settings.std]).toEqual([
      [-1, 0.6],
      [1, 10],
    ]);
  await expect(recommend(asked('bytes.npz', new Uint8Array(80)), events)).rejects.toThrow(
    '--mean = -1,0.6: bytes are divided by 255 first',
  );
});

it('counts the same tensors in float and with learned bits', async () => {
  const net: Define = (n, image) => n.linear(n.globalAverage(n.conv(image, 4, { activation: 'silu' })), 10);
  const asked = askedFor({ data: 'synthetic:96', model: './net.mjs' });
  const ask = withDefinition(asked, network({ input: [32, 32, 3] }, net));
  const shape = { classes: 10, imageShape: [32, 32, 3], trainImages: 87, evaluationImages: 19 } as const;
  const counted = (await recommend(ask, events)).experiments.map((experiment) => {
    const { tensors } = buildTrainingProgram(programOptions(experiment, shape, null)).variables;
    return tensors.map(({ name, count }) => [name, count]);
  });
  expect(counted[0]).toEqual(counted[1]);
  expect(counted[0]).toContainEqual(['conv1', 4096]);
  const off = await recommend(
    withDefinition(
      askedFor({ data: 'synthetic:96', model: './net.mjs', a_quantize_linear: false }),
      ask.network.definition,
    ),
    events,
  );
  expect(off.experiments.map(({ linear }) => linear)).toEqual([null, null]);
});

it('takes pictures as they are for a network of images that are no squares', async () => {
  const folder = temporaryFolder();
  for (const [i, place] of ['train/a', 'train/b', 'val/a', 'val/b'].entries()) {
    mkdirSync(join(folder, place), { recursive: true });
    const pixels = new Uint8Array(8 * 12 * 3).fill(60 * i);
    writeFileSync(join(folder, place, '1.png'), png(pixels, [8, 12, 3]));
  }
  const net: Define = (n, image) => n.linear(n.globalAverage(n.conv(image, 4)), 2);
  const ask = askedFor({ data: `images:${folder}`, model: './net.mjs', select: 'test' });
  const own = await recommend(withDefinition(ask, network({ input: [8, 12, 3] }, net)), events);
  expect(own.experiments.map(({ data }) => data.imageSize)).toEqual([null, null]);
  expect(own.notes[1]).toBe('--batch-size 2 epochs 100 and 100: by their number and size');
  const refused = (input: readonly [number, number, number], classes: number) => {
    const other: Define = (n, image) => n.linear(n.globalAverage(n.conv(image, 4)), classes);
    return expect(recommend(withDefinition(ask, network({ input }, other)), events)).rejects;
  };
  const data = 'the data has images of 8x12x3 and 2 classes';
  await refused([8, 10, 3], 5).toThrow(`the network takes images of 8x10x3 and has 5 outputs; ${data}`);
  await refused([8, 10, 3], 2).toThrow(`the network takes images of 8x10x3 and has 2 outputs; ${data}`);
  const square = await recommend(withDefinition(ask, network({ input: [12, 12, 3] }, net)), events);
  expect(square.experiments.map(({ data }) => data.imageSize)).toEqual([12, 12]);
  expect(square.notes[1]).toMatch(/^--image-size 12 --batch-size 2 epochs/);
  writeFileSync(join(folder, 'train/a/1.png'), png(new Uint8Array(9 * 12 * 3), [9, 12, 3]));
  await refused([8, 12, 3], 2).toThrow(
    'pictures of different sizes; the network takes 8x12 as they are: give all that',
  );
});

describe('of other losses', () => {
  const folder = temporaryFolder();
  const x = npy(
    [40, 4, 4, 1],
    Float32Array.from({ length: 640 }, (_, i) => Math.sin(i)),
  );
  const answers = { values: npy([40], new Float32Array(40)), labels: npy([40, 3], new Uint8Array(120)) };
  const pixels = npy(
    [40, 4, 4],
    Uint8Array.from({ length: 640 }, (_, i) => Number(Math.sin(i) > 0)),
  );
  const own: Define = (n, image) => n.linear(n.globalAverage(n.conv(image, 4)), 1);
  const asked = (loss: string, y: Uint8Array, options: Overrides = {}) => {
    const file = join(folder, `${loss}.npz`);
    writeFileSync(file, zip({ 'x_train.npy': x, 'x_test.npy': x, 'y_train.npy': y, 'y_test.npy': y }));
    return askedFor({ data: `arrays:${file}`, loss, ...options });
  };

  it('has the targets, and says what there is to tell apart', async () => {
    const ask = withDefinition(
      asked('values', answers.values, { model: './net.mjs' }),
      network({ input: [4, 4, 1] }, own),
    );
    const { notes, experiments, text } = await recommend(ask, events);
    expect(notes[0]).toContain('40 inputs to train with and 40 to test with, inputs of 4x4x1');
    expect(experiments.map(({ task }) => task.loss)).toEqual(['values', 'values']);
    expect(text).toContain('\nloss = values\n');
    expect((await recommend(asked('labels', answers.labels), events)).notes[0]).toContain('3 labels, inputs of 4x4x1');
  });

  it('is an autoencoder where the input is the target', async () => {
    const { experiments } = await recommend(
      asked('values', npy([40], new Uint8Array(40)), { target: 'input' }),
      events,
    );
    expect(experiments.map(({ network }) => network.model)).toEqual(['dense_autoencoder', 'dense_autoencoder']);
  });

  it('wants a network of one’s own where an image is to be put out', async () => {
    const maps: Define = (n, image) => n.conv(n.conv(image, 4), 2, { size: 1, batchNorm: false, activation: 'none' });
    const ask = withDefinition(asked('pixels', pixels, { model: './net.mjs' }), network({ input: [4, 4, 1] }, maps));
    const { notes, experiments } = await recommend(ask, events);
    expect(notes[0]).toContain('2 classes, inputs of 4x4x1');
    expect(experiments.map(({ task }) => task)).toEqual(
      Array(2).fill({ loss: 'pixels', target: 'data', metric: 'iou' }),
    );
    await expect(recommend(asked('pixels', pixels), events)).rejects.toThrow(
      /^--model = resnet20: puts out features, loss = pixels wants 4x4x2 of these data: give a network of one's own/,
    );
    await expect(recommend(asked('pixels', pixels, { model: 'resnet20' }), events)).rejects.toThrow(
      "model = resnet20: puts out features, loss = pixels wants 4x4x2 of these data: give a network of one's own whose",
    );
  });
});

it.each(['resnet20', 'mobilenetv2'])('makes %s a network that integers can run', async (model) => {
  const [, learned] = (await recipe({ model, width_multiplier: 0.25 })).experiments;
  const shape = { classes: 10, imageShape: [32, 32, 3], trainImages: 87, evaluationImages: 19 } as const;
  expect(shippable(buildTrainingProgram(programOptions(learned, shape, null))).fault).toBe(null);
});

it('tells where an autoencoder is not narrower than its input', async () => {
  const asked = askedFor({ data: featuresFile('few.npz', new Float32Array(80)), loss: 'values', target: 'input' });
  expect((await recommend(asked, events)).notes.at(-1)).toMatch(
    /^NOTE: .* 8 units, which hold all 2 numbers of an input/,
  );
  const wide = await recommend(askedFor({ data: 'synthetic:96', loss: 'values', target: 'input' }), events);
  expect(wide.notes.join()).not.toContain('NOTE');
});

it('leaves the bytes of a wide input, which devices hold in any case', async () => {
  const file = join(temporaryFolder(), 'wide.csv');
  const line = (value: (column: number) => string | number) => Array.from({ length: 200 }, (_, i) => value(i)).join();
  const lines = Array.from({ length: 20 }, (_, n) => `${line((column) => Math.sin(n * column))},${n % 2}`);
  writeFileSync(file, `${line((column) => `c${column}`)},label\n${lines.join('\n')}\n`);
  const { experiments, notes } = await recommend(askedFor({ data: `csv:${file}` }), events);
  expect(experiments[1].budget.targetActivationKbytes).toBe(0.196);
  expect(notes.at(-1)).toMatch(/so the input in bytes$/);
});

it('standardises float features of arrays, by the numbers to train with', async () => {
  const x = Float32Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? 100 + (i % 4) : 123_456_792));
  const asked = (options: Overrides) => askedFor({ data: featuresFile('far.npz', x), ...options });
  const [{ settings }] = (await recommend(asked({}), events)).experiments;
  expect([settings.mean, settings.std]).toEqual([
    [101, 123_456_792],
    [1, 1],
  ]);
  const [given] = (await recommend(asked({ mean: 100 }), events)).experiments;
  expect([given.settings.mean, given.settings.std]).toEqual([[100], null]);
  await expect(recommend(asked({ normalise: 'shift' }), events)).rejects.toThrow(
    'is for bytes, and the data are floats',
  );
});
