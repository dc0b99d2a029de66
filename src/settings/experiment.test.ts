import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { parseConfig } from './configFile.js';
import { type Experiment, experimentFromSettings, type Overrides, resolveExperiment, whereSet } from './experiment.js';
import { quantizerBounds } from './quantizerBounds.js';
import { settingKeys } from './settings.js';

const experiment = (body: string, overrides?: Overrides): Experiment =>
  resolveExperiment(parseConfig(`[DEFAULT]\n[A]\n${body}\n`, 'a.cfg'), 'A', overrides);

const fault = (body: string, overrides?: Overrides): string => {
  try {
    experiment(body, overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  return 'no error';
};

// Vitest's patience is the bound of time.
it('values of any length are read or refused in no time', () => {
  const long = 60_000;
  expect(fault(`momentum = ${'1'.repeat(long)}x`)).toContain('must be a number');
  expect(fault(`layers = conv1: ${' '.repeat(long)}x`)).toContain('is no such setting');
  expect(fault(`layers = conv1: w_bitwidth ${' '.repeat(long)} x = 8`)).toContain('is no such setting');
});

describe("keys of one's own", () => {
  const resolve = (text: string) => resolveExperiment(parseConfig(text, 'a.cfg'), 'A');

  it('may be taken in by %(key)s', () => {
    const text = '[DEFAULT]\nroot = /data\nleaf = %(root)s/pictures\ndata = images:%(LEAF)s\n[A]\n';
    expect(resolve(text).data.source).toMatchObject({ kind: 'images' });
    expect(resolve(text).settings.data).toBe('images:/data/pictures');
    expect(resolve(text).settings).not.toHaveProperty('root');
  });

  it('are unknown keys where nothing takes them in', () => {
    expect(() => resolve('[DEFAULT]\nroot = /data\n[A]\n')).toThrow('a.cfg:2: [DEFAULT] root = /data: unknown key');
  });
});

describe('defaults', () => {
  it('are those of the published experiments, but for pixels, which lie on a grid', () => {
    const { network, data, settings, training, weights, activations, budget } = experiment('');
    expect(network).toEqual({
      model: 'resnet20',
      definition: null,
      numLayers: 20,
      shortcutType: '',
      scaleLayer: false,
      widthMultiplier: 1,
    });
    expect(data).toMatchObject({ source: { kind: 'cifar10' }, augmentShift: 4, augmentMirror: true });
    expect(data).toMatchObject({ limitTrain: null, validationSplit: 0, imageSize: null });
    expect(settings).toMatchObject({ mean: [128 / 255], std: [128 / 255] });
    expect(training).toEqual({
      epochs: 160,
      batchSize: 128,
      shards: 1,
      shardPrecision: 'float32',
      seed: 313,
      optimizer: 'momentum',
      initialLearningRate: 0.1,
      schedule: 'step',
      learningRateDrops: [80, 120],
      warmupEpochs: 0,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 2e-4,
      decayExclude: [],
      labelSmoothing: 0,
      emaDecay: 0,
      bnReestimate: 0,
      countOscillations: 0,
      dampOscillations: 0,
      distill: null,
      quantizerLearningRateFactor: 1,
      startFrom: null,
      select: 'test',
    });
    expect(weights).toMatchObject({ kind: null, bitwidth: 4, xminMin: 2 ** -16, xmaxMax: 127, stepSizeMin: 2 ** -8 });
    expect(activations).toMatchObject({ kind: null, bitwidthMin: 1, xminMin: 2 ** -14, xmaxMax: 255 });
    expect(budget).toMatchObject({ targetWeightKbytes: -1, lambda2: 0.1, lambda3: 0.1 });
  });

  it('that depend on other keys', () => {
    expect(experiment('epochs = 10').training.learningRateDrops).toEqual([5, 8]);
    expect(experiment('epochs = 1').training.learningRateDrops).toEqual([]);
    expect(experiment('epochs = 10\nlearning_rate_drops = none').training.learningRateDrops).toEqual([]);
    expect(experiment('epochs = 10\nschedule = cosine').training.learningRateDrops).toEqual([]);
    expect(experiment('data = mnist').data.augmentMirror).toBe(false);
    expect(experiment('data = synthetic').data.augmentMirror).toBe(false);
    expect(experiment('data = images:somewhere').data.augmentMirror).toBe(true);
    expect(experiment('data = images:x').data).toMatchObject({ augment: 'shift', imageSize: null, stream: null });
    const crops = experiment('data = images:x\naugment = resized_crop').data;
    expect(crops).toMatchObject({ augmentShift: 0, augmentMirror: true, imageSize: 224 });
    expect(experiment('data = images:x\naugment = resized_crop\nimage_size = 96').data.imageSize).toBe(96);
    expect(experiment('augment = none').data).toMatchObject({ augmentShift: 0, augmentMirror: false, imageSize: null });
    expect(experiment('select = validation').data.validationSplit).toBeNull();
    expect(experiment('select = validation\nvalidation_split = 200').data.validationSplit).toBe(200);
    expect(experiment('num_layers = 56').network.model).toBe('resnet56');
    expect(experiment('num_layers = 20\nmodel = resnet110').network.numLayers).toBe(110);
    expect(experiment('model = resnet18').network.numLayers).toBeNull();
  });
});

it('a slack of [DEFAULT] widens no limits of a search that begins wide', () => {
  const budget = 'budget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = parametric_fp_d_xmax';
  const shared = `[DEFAULT]\nmodel = resnet20\nbudget_slack = 3\nbudget_begin = allocated\n${budget}\n`;
  const file = parseConfig(`${shared}[FALLS]\n[WIDE]\nbudget_begin = wide\n`, 'a.cfg');
  expect(['FALLS', 'WIDE'].map((section) => resolveExperiment(file, section).budget.slack)).toEqual([3, 1]);
});

describe('paths', () => {
  it('may begin at the home folder', () => {
    const { out, data, training } = experiment('out = ~/runs\ndata = images:~/pictures\nweightfile = ~/x.h5');
    expect([out, data.source.location, training.startFrom]).toEqual(
      ['runs', 'pictures', 'x.h5'].map((name) => join(homedir(), name)),
    );
    expect(() => experiment('out = ~else/runs')).toThrow('write out the home folder of another user');
  });
});

describe('values', () => {
  it.each([
    ['True', true],
    ['False', false],
    ['no', false],
    ['ON', true],
    ['1', true],
    ['0', false],
  ])('scale_layer = %s', (text, expected) => {
    // differs from the published code: there every word, False too, means true.
    expect(experiment(`scale_layer = ${text}`).network.scaleLayer).toBe(expected);
  });

  it('of kinds: activations end in _relu', () => {
    const { weights, activations } = experiment('w_quantize = parametric_pow2\na_quantize = parametric_fp_relu');
    expect(weights.kind).toBe('parametric_pow2');
    expect(activations.kind).toBe('parametric_fp');
  });

  it.each([
    ['cifar10:/data/cifar-10.tar.gz', { kind: 'cifar10', location: '/data/cifar-10.tar.gz' }],
    ['mnist', { kind: 'mnist' }],
    ['images:C:\\pets', { kind: 'images', location: 'C:\\pets' }],
    ['synthetic:512', { kind: 'synthetic', count: 512 }],
  ])('data = %s', (text, expected) => {
    expect(experiment(`data = ${text}`).data.source).toEqual(expected);
  });

  it.each([
    ['bn', ['bn']],
    ['bias bn', ['bn', 'bias']],
    ['quantizers, bias', ['bias', 'quantizers']],
    ['none', []],
    ['', []],
  ])('decay_exclude = %s', (text, expected) => {
    expect(experiment(`decay_exclude = ${text}`).training.decayExclude).toEqual(expected);
  });

  it('of the command line win, in any spelling', () => {
    const overrides = { batchSize: 32, 'limit-train': '100', seed: undefined, weights: 'none', numLayers: 32 };
    const resolved = experiment('batch_size = 64\nseed = 7\nweightfile = x.h5\nmodel = resnet44', overrides);
    expect(resolved.training).toMatchObject({ batchSize: 32, seed: 7, startFrom: null });
    expect(resolved.data.limitTrain).toBe(100);
    expect(resolved.network.model).toBe('resnet32');
  });

  it("weights and weightfile are one key: the section's own wins over an inherited one", () => {
    const file = parseConfig('[DEFAULT]\nweights = a.h5\n[A]\nweightfile = b.h5\n[B]\n', 'a.cfg');
    expect(resolveExperiment(file, 'A').training.startFrom).toBe('b.h5');
    expect(resolveExperiment(file, 'B').training.startFrom).toBe('a.h5');
    expect(fault('weights = a.h5\nweightfile = b.h5')).toContain(
      'a.cfg:4: [A] weightfile = b.h5: weights and weightfile',
    );
  });
});

describe('faults name file, line, section, key, value, what is allowed and the nearest name', () => {
  it.each([
    ['w_bitwidht = 3', "a.cfg:3: [A] w_bitwidht = 3: unknown key; did you mean 'w_bitwidth'?"],
    ['w_bitwidth = 40', 'a.cfg:3: [A] w_bitwidth = 40: must be an integer from 2 to 16'],
    [
      'w_bitwidth = 9',
      'a.cfg:3: [A] w_bitwidth = 9: must be from 2 to 8, the limits w_bitwidth_min and w_bitwidth_max',
    ],
    ['w_bitwidth_max = 3', 'a.cfg: [A] w_bitwidth = 4 (the default): must be from 2 to 3'],
    ['w_bitwidth = 2.5', 'must be an integer from 2 to 16'],
    ['w_bitwidth = 2 # bits', 'must be an integer from 2 to 16 (a remark needs a line of its own)'],
    ['model = resnet18 # v1.0', '(a remark needs a line of its own)'],
    ['model = resnet18 # see docs/x.md', '(a remark needs a line of its own)'],
    [
      'epochs = 3\n  seed = 4',
      'epochs = 3\\nseed = 4: must be an integer from 1 to 100000 (an indented line continues',
    ],
    ['epochs = 0', 'must be an integer from 1 to 100000'],
    ['initial_learning_rate = 0', 'must be a number above 0, at most 10'],
    ['target_weight_kbytes = 0', 'must be a number above 0, at most 1000000000, or -1 for none'],
    ['target_cost = -0.5', 'must be a number above 0, at most 1000000000000000000, or -1 for none'],
    ['initial_learning_rate = nan', 'must be a number above 0, at most 10'],
    ['w_quantize = parametric_fp_delta_xmax', "did you mean 'parametric_fp_d_xmax'?"],
    ['a_quantize = parametric_fp_d_xmax', "did you mean 'parametric_fp_d_xmax_relu'?"],
    ['optimizer = adm', "must be one of momentum, sgd (the same), adam; did you mean 'adam'?"],
    ['target_activation_type = mean', "must be one of max, sum, peak; did you mean 'max'?"],
    ['scale_layer = maybe', 'must be one of true, yes, on, 1, false, no, off, 0'],
    ['shortcut_type = d', "must be empty (identity), 'b' or 'c'"],
    ['num_layers = 21', 'must be one of 20, 32, 44, 56, 110'],
    [
      'model = resnet19',
      "dense_autoencoder, mlp, or a file such as ./net.mjs or net.onnx, or auto; did you mean 'resnet18'?",
    ],
    ['data = cifar', "did you mean 'cifar10'?"],
    ['data = images', 'images:DIR'],
    ['data = synthetic:0', 'synthetic[:COUNT]'],
    ['learning_rate_drops = 120,80', 'must be epochs in rising order such as 80,120, or none, or auto'],
    ['mean = 0.5,0.5', 'must have as many numbers as mean (2)'],
    ['mean = 0.5,0.5,0.5', 'a.cfg: [A] std = 0.5 (the default): must have as many numbers as mean (3)'],
    ['w_xmax_min = 128', 'must be below w_xmax_max = 127'],
    ['a_bitwidth_min = 5\na_bitwidth_max = 4', 'a_bitwidth_min = 5: must not exceed a_bitwidth_max = 4'],
    [
      'w_quantize = parametric_fp_d_b\nw_bitwidth_min = 1',
      'must be at least 2 for parametric_fp_d_b: one bit is the sign',
    ],
    ['a_quantize = pow2_relu\na_bitwidth = 1', 'must be at least 2 for pow2_relu: one bit is the zero'],
    [
      'a_quantize = parametric_pow2_b_xmin_relu\na_bitwidth_max = 9',
      'must be at most 8 for parametric_pow2_b_xmin_relu: floats end there',
    ],
    ['target_weight_kbytes = 70', 'needs quantized weights: set w_quantize, or no target (-1)'],
    ['target_activation_kbytes = 8', 'needs quantized activations'],
    ['model = resnet18\nshortcut_type = b', 'must be empty for model resnet18'],
    ['width_multiplier = 0', 'must be a number from 0.1 to 4'],
    ['model = tiny\nwidth_multiplier = 0.5', 'must be 1 for model tiny, whose width is fixed'],
    ['select = validation\nvalidation_split = 0', 'must be at least 1 with select = validation'],
    ['validation_split = 100', 'must be 0 with select = test'],
    [
      'select = last\nvalidation_split = 100',
      'must be 0 with select = last; to use these images set select = validation',
    ],
    ['select = first', 'must be one of test, validation, last'],
    ['schedule = cosin', "must be one of step, cosine; did you mean 'cosine'?"],
    ['schedule = cosine\nlearning_rate_drops = 8', 'learning_rate_drops = 8: must be none with schedule = cosine'],
    ['warmup_epochs = 5\nepochs = 5', 'warmup_epochs = 5: must be below epochs = 5'],
    ['nesterov = on\noptimizer = adam', 'nesterov = on: must be false with optimizer = adam'],
    ['label_smoothing = 0.6', 'must be a number from 0 to 0.5'],
    ['decay_exclude = bn biases', 'must be words among bn, bias, quantizers, or none'],
    ['decay_exclude = bias bias', 'must be words among bn, bias, quantizers, or none'],
    ['decay_exclude = quantizer', "did you mean 'quantizers'?"],
    ['loss = labels\ndistill = A/params_best.h5', 'must be none with loss = labels'],
    ['distill_weight = 0', 'must be a number above 0, at most 1'],
    ['distill_weight = 0.3', 'has no effect without a teacher: set distill'],
    ['ema_decay = 1', 'must be a number from 0 to 0.99999'],
    ['quantizer_learning_rate_factor = -1', 'must be a number from 0 to 1000'],
    ['augment = crop', 'must be one of shift, resized_crop, none'],
    [
      'augment = resized_crop',
      'augment = resized_crop: crops files of images: it needs data = images:DIR, not cifar10',
    ],
    ['augment = resized_crop\ndata = images:x\nstream = false', 'stream = false: must be true or auto with augment'],
    ['augment = resized_crop\ndata = images:x\naugment_shift = 2', 'augment_shift = 2: must be 0 with augment = res'],
    ['augment = none\naugment_mirror = true', 'augment_mirror = true: must be false with augment = none'],
    ['stream = true', 'stream = true: needs data = images:DIR; cifar10 is always resident'],
    ['data = images:x\nstream = true', 'stream = true: needs image_size, such as 224'],
    ['decode_threads = 0', 'must be an integer from 1 to 1024, or auto'],
  ])('%j', (body, message) => {
    expect(fault(body)).toContain(message);
  });

  it('of [DEFAULT] and of the command line say so', () => {
    const file = parseConfig('[DEFAULT]\nseed = x\n[A]\n', 'a.cfg');
    expect(() => resolveExperiment(file, 'A')).toThrow('a.cfg:2: [DEFAULT] seed = x: must be an integer');
    expect(fault('', { batchSize: 0 })).toBe('--batch-size = 0: must be an integer from 1 to 65536');
    expect(fault('', { epoch: 3 })).toBe("--epoch = 3: unknown key; did you mean 'epochs'?");
    expect(fault('', { numLayers: 32, model: 'resnet20' })).toBe(
      '--num-layers = 32: has no effect with --model; leave it out',
    );
  });
});

it('gives activations of either sign the settings of all, and a bit for the sign', () => {
  const signed = 'model = mobilenetv2\na_quantize = parametric_fp_d_b_relu\na_quantize_linear = on\n';
  const { linear, input, activations } = experiment(`${signed}a_bitwidth = 3\na_xmax_max = 6`);
  expect(input).toBeNull();
  expect(linear).toEqual({ ...activations, signed: true, bitwidthMin: 2 });
  expect(activations).toMatchObject({ kind: 'parametric_fp_d_b', signed: false, bitwidthMin: 1, xmaxMax: 6 });
  expect(fault(`${signed}a_bitwidth = 1`)).toContain('must be at least 2 with a_quantize_linear: one bit is the sign');
  expect(experiment('a_quantize_input = on').input).toMatchObject({ kind: null });
});

it('says where a key with its default is to be set: in its section, its file or the call', () => {
  const by = (path: string) => whereSet(experimentFromSettings('A', path, {}), 'batch_size');
  expect(whereSet(experiment(''), 'batch_size')).toBe('a.cfg: [A] batch_size');
  expect(by('config.json')).toBe('config.json: batch_size');
  expect(by('')).toBe('--batch-size');
});

it('comes back from the settings that config.json keeps', () => {
  const bodies = [
    '',
    'model = mobilenetv2\nwidth_multiplier = 0.5\nepochs = 1\nmean = 0.1,0.2,0.3\nstd = 0.3,0.2,0.1\nlimit_val = 9\nthreads = 2',
    'schedule = cosine\nwarmup_epochs = 2.5\nnesterov = yes\nlabel_smoothing = 0.1\ndecay_exclude = bn bias\nema_decay = 0.99',
    'data = images:x\naugment = resized_crop\ndecode_threads = 3\nstream = true',
    'w_quantize = pow2\na_quantize = fp_relu\nselect = validation\nweightfile = X/params_best.h5\ndata = synthetic:8',
  ];
  for (const body of bodies) {
    const { settings, sources, overrides, configPath, keyPrefix, ...rest } = experiment(body);
    const back = experimentFromSettings('A', 'config.json', JSON.parse(JSON.stringify(settings)));
    expect(back).toMatchObject({ ...rest, settings });
  }
});

it.each([
  ['', 128 / 255, 128 / 255],
  ['normalise = shift', 128 / 255, 128 / 255],
  ['normalise = unit', 0, 256 / 255],
  ['normalise = symmetric', 0.5, 0.5],
  ['mean = 0.4', 0.4, 0.5],
  ['std = 0.25', 0.5, 0.25],
])('normalises pixels: %j', (body, mean, std) => {
  expect(experiment(body).settings).toMatchObject({ mean: [mean], std: [std] });
});

it('gives the limits of every learned value', () => {
  const { weights, activations } = experiment(
    'w_quantize = parametric_pow2_xmin_xmax\na_quantize = parametric_pow2_xmin_xmax_relu\n' +
      'w_xmin_max = 5\na_xmin_max = 6\na_xmax_max = 8\na_xmax_min = 0.5',
  );
  expect(quantizerBounds(weights).bounds.xmin).toEqual({ min: 2 ** -16, max: 5 });
  const { bounds, accountingXmin } = quantizerBounds(activations);
  expect(bounds).toEqual({
    n: { min: 1, max: 8 },
    d: { min: 2 ** -8, max: 1 },
    xmin: { min: 2 ** -14, max: 8 },
    xmax: { min: 0.5, max: 8 },
    m: { min: -126, max: 127 },
  });
  expect(accountingXmin).toEqual({ min: 2 ** -14, max: 6 });
  expect(quantizerBounds({ ...activations, kind: 'parametric_pow2_b_xmax' }).bounds.xmin.max).toBe(6);
});

it('has every key in the documentation', () => {
  const docs = readFileSync(new URL('../../docs/experiments.md', import.meta.url), 'utf8');
  expect(settingKeys.filter((key) => !docs.includes(`\`${key}\``))).toEqual([]);
});
