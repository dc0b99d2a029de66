import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from './configFile.js';
import { experimentFromSettings, type Overrides, resolveExperiment } from './experiment.js';
import { readConfigFile } from './readConfigFile.js';

const fault = (text: string, overrides: Overrides = {}, origin?: 'plan'): string => {
  try {
    resolveExperiment(parseConfig(text, 'a.cfg'), 'A', overrides, origin);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no error';
};
const section = (body: string, overrides?: Overrides, origin?: 'plan') =>
  fault(`[DEFAULT]\n[A]\n${body}\n`, overrides, origin);

describe('a key without effect', () => {
  it.each([
    ['image_size = 64', 'a.cfg:3: [A] image_size = 64: has no effect with data = cifar10: only images:DIR is scaled'],
    ['image_size = 64\ndata = synthetic', 'has no effect with data = synthetic'],
    [
      'augment = shift\ndata = csv:x',
      'has no effect with data = csv:x, whose inputs are no pictures: set augment_shift',
    ],
    ['sound_hop_ms = 10', 'sound_hop_ms = 10: has no effect with data = cifar10: they are of wav:DIR'],
    ['sound_coefficients = 8\nsound_features = log_mel\ndata = wav:x', 'with sound_features = log_mel: a frame has a'],
    ['image_size = 64\ndata = mnist:x', 'has no effect with data = mnist:x'],
    [
      'normalise = shift\nmean = 0.4',
      'normalise = shift: has no effect beside mean and std: give either it or those two',
    ],
    [
      'normalise = unit\nmean = 0.5\ndata = csv:x',
      'normalise = unit: has no effect beside mean and std: give either it or those two',
    ],
    [
      'shard_precision = bfloat16',
      'shard_precision = bfloat16: has no effect with shards = 1: set shards to a power of two',
    ],
    ['momentum = 0.8\noptimizer = adam', 'momentum = 0.8: has no effect with optimizer = adam'],
    ['budget = guaranteed', 'budget = guaranteed: has no effect without a target: set target_weight_kbytes'],
    ['decode_threads = 3', 'has no effect with data = cifar10: nothing is streamed'],
    ['decode_threads = 3\ndata = images:x\nstream = false', 'has no effect with stream = false'],
    ['scale_layer = yes\nmodel = resnet18', 'has no effect with model = resnet18'],
    ['budget_search = 0.5', 'has no effect with budget = penalty'],
    [
      'budget_measure = 8\nbudget_search = 0\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp',
      'budget_measure = 8: has no effect with budget_search = 0 and epochs = 160: bits are given once, before the first step; set budget_search = 0.004 or more to search them',
    ],
    [
      'epochs = 2\nbudget_search = 0.2\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp',
      'budget_search = 0.2: has no effect with epochs = 2: bits are given once, before the first step; set budget_search = 0.25 or more to search them',
    ],
    ...['budget_begin = allocated', 'budget_measure = 8', 'budget_begin = allocated\nbudget_slack = 3'].map((keys) => [
      `epochs = 1\n${keys}\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp`,
      `${keys.split('\n')[0]}: has no effect with budget_search = 0.25 and epochs = 1: bits are given once`,
    ]),
    [
      'initial_cost_lambda2 = 1\nbudget_search = 0\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp',
      'initial_cost_lambda2 = 1: has no effect with budget_search = 0: bits are given once, before the first step',
    ],
    [
      'initial_cost_lambda2 = 1\nbudget_begin = allocated\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp',
      'initial_cost_lambda2 = 1: has no effect with budget_begin = allocated: limits are kept without a penalty',
    ],
    [
      'budget_slack = 3\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp',
      'budget_slack = 3: has no effect with budget_begin = wide: set budget_begin = allocated',
    ],
    [
      'budget_slack = 3\nbudget_begin = allocated\nbudget = guaranteed\ntarget_activation_kbytes = 8\na_quantize = fp_relu',
      'budget_slack = 3: has no effect without a limit that it widens: set target_weight_kbytes, target_gbops or',
    ],
    ['budget_slack = 3', 'has no effect with budget = penalty'],
    ['initial_cost_lambda2 = 1', 'has no effect without a target: set target_weight_kbytes'],
    ['target_activation_type = sum', 'has no effect without a target: set target_activation_kbytes'],
    ['w_bitwidth = 8', 'has no effect where no weight is quantized: set w_quantize'],
    ['a_xmax_max = 6\nw_quantize = fp', 'has no effect where no activation is quantized: set a_quantize'],
    [
      'w_xmin_max = 5\nw_quantize = parametric_fp_d_xmax',
      'w_xmin_max = 5: has no effect where no weight is quantized with a learned xmin: set w_quantize',
    ],
    ['a_xmin_min = 0.1\na_quantize = parametric_pow2_b_xmax_relu', 'no activation is quantized with a learned xmin'],
    [
      'w_stepsize_max = 2\nw_quantize = parametric_pow2_xmin_xmax',
      'where no weight is quantized with a learned d: set',
    ],
    ['a_stepsize_min = 0.1\na_quantize = fp_relu', 'no activation is quantized with a learned d: set a_quantize'],
    ['a_quantize_linear = on\na_quantize = fp_relu', 'has no effect with model = resnet20 and shortcut_type empty'],
    ['recompute_range = true\nw_quantize = fp', 'has no effect without parametric_fp_b_xmax'],
  ])('in a section is refused: %j', (body, message) => expect(section(body)).toContain(message));

  it.each([
    'image_size = 64\ndata = images:x',
    'shard_precision = bfloat16\nshards = 2',
    'shard_precision = float32',
    'momentum = 0.8',
    'decode_threads = 3\ndata = images:x',
    'scale_layer = no\nmodel = resnet18',
    'w_bitwidth = 8\nlayers = conv1*: w_quantize = fp',
    'w_stepsize_max = 2\nw_quantize = parametric_fp_d_b\na_xmin_min = 0.1\na_quantize = parametric_pow2_b_xmin_relu',
    'w_xmin_max = 5\nw_quantize = fp\nlayers = conv1*: w_quantize = parametric_pow2_xmin_xmax',
    'a_xmax_max = 6\na_quantize = fp_relu',
    'recompute_range = true\na_quantize = parametric_fp_b_xmax_relu',
    'a_quantize_linear = on\na_quantize = fp_relu\nshortcut_type = b',
    'budget = penalty',
    'epochs = 2\nbudget_search = 0.25\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp',
    'epochs = 1\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp\ninitial_cost_lambda2 = 1',
    'budget_slack = 1\nbudget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp',
    'w_stepsize = published\na_stepsize = published',
  ])('is none where it has one: %j', (body) => expect(section(body)).toBe('no error'));

  it('on the command line is refused, whatever makes it idle', () => {
    expect(section('optimizer = adam', { momentum: 0.8 })).toBe(
      '--momentum = 0.8: has no effect with optimizer = adam',
    );
    expect(section('', { 'image-size': 64, data: 'synthetic' })).toContain('--image-size = 64: has no effect');
  });

  it('is let pass where it comes along from further away than what makes it idle', () => {
    expect(fault('[DEFAULT]\nmomentum = 0.8\nimage_size = 64\n[A]\noptimizer = adam\n')).toBe('no error');
    expect(section('momentum = 0.8', { optimizer: 'adam' })).toBe('no error');
    expect(fault('[DEFAULT]\nnormalise = symmetric\n[A]\nmean = 0.4\n')).toBe('no error');
    expect(section('normalise = symmetric', { mean: '0.4' })).toBe('no error');
    expect(section('data = images:x\nimage_size = 64', { data: 'synthetic' })).toBe('no error');
    const guaranteed = 'budget = guaranteed\ntarget_weight_kbytes = 40\nw_quantize = fp';
    const searched = `budget_measure = 8\nbudget_search = 0.1\n${guaranteed}`;
    expect(section(searched, { epochs: 1 })).toBe('no error');
    // Calls of several sections.
    for (const overrides of [{ epochs: 1 }, { epochs: 1, budget_slack: 3 }, { budget_search: 0 }]) {
      expect(section(searched, overrides, 'plan')).toBe('no error');
    }
    const { settings } = resolveExperiment(parseConfig('[A]\noptimizer = adam\n', 'a.cfg'), 'A');
    expect(experimentFromSettings('A', 'config.json', settings).settings).toEqual(settings);
  });

  it('is not recorded: a size that nothing is scaled to', () => {
    const text = '[DEFAULT]\nimage_size = 64\n[A]\ndata = synthetic\n';
    expect(resolveExperiment(parseConfig(text, 'a.cfg'), 'A').settings.image_size).toBeNull();
  });
});

it('no shipped section has one, with whatever images, optimizer and model it is called', () => {
  for (const name of readdirSync('configs')) {
    const file = readConfigFile(join('configs', name));
    for (const experiment of ['DEFAULT', ...file.sections.keys()]) {
      // ImageNet's crops are of files.
      const other =
        name === 'train_imagenet.cfg'
          ? { device: 'cpu' }
          : { data: 'synthetic:64', optimizer: 'adam', model: 'resnet18' };
      for (const overrides of [{}, other]) {
        expect(resolveExperiment(file, experiment, overrides).name).toBe(experiment);
      }
    }
  }
});
