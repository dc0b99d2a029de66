import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { parseConfig } from './configFile.js';
import { type Experiment, experimentFromSettings, resolveExperiment } from './experiment.js';
import { quantizesAnything, type ResolvedLayer, resolveLayers } from './layerRules.js';

const tensors = [
  { name: 'conv1/quantized_conv/W', role: 'weight', source: null },
  { name: 'conv1', role: 'activation', source: 'rectified' },
  { name: 'res1/layer1/basicblock1/quantized_conv/W', role: 'weight', source: null },
  { name: 'res1/layer1/basicblock1', role: 'activation', source: 'rectified' },
  { name: 'res1/layer1', role: 'activation', source: 'rectified' },
  { name: 'fc/quantized_affine/W', role: 'weight', source: null },
  { name: 'fc/quantized_affine/b', role: 'bias', source: null },
] as const;

const quantized = 'w_quantize = parametric_fp_d_xmax\na_quantize = parametric_fp_b_xmax_relu\n';

/** A section whose rules are the given lines. */
const experiment = (rules: readonly string[], body = quantized): Experiment =>
  resolveExperiment(parseConfig(`[A]\n${body}layers =\n${rules.map((rule) => `  ${rule}\n`).join('')}`, 'a.cfg'), 'A');

const resolved = (...rules: string[]): Map<string, ResolvedLayer> =>
  new Map(resolveLayers(experiment(rules), tensors).map((layer) => [layer.tensor, layer]));

const fault = (rules: readonly string[], body?: string): string => {
  try {
    resolveLayers(experiment(rules, body), tensors);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  return 'no error';
};

describe('rules', () => {
  it('concern what their patterns match, weights by w_ and activations by a_', () => {
    const layers = resolved('conv1*: w_bitwidth=8, a_quantize = none', 'res?/*: a_bitwidth_max=6, A_XMAX_MAX = 15');
    expect(layers.get('conv1/quantized_conv/W')).toMatchObject({ quantizer: { bitwidth: 8 }, patterns: ['conv1*'] });
    expect(layers.get('conv1')).toMatchObject({ quantizer: { kind: null, bitwidth: 4 }, patterns: ['conv1*'] });
    const block = { kind: 'parametric_fp_b_xmax', bitwidthMax: 6, xmaxMax: 15 };
    expect(layers.get('res1/layer1')).toMatchObject({ role: 'activation', quantizer: block, patterns: ['res?/*'] });
    expect(layers.get('res1/layer1/basicblock1')).toMatchObject({ quantizer: block });
    const others = ['res1/layer1/basicblock1/quantized_conv/W', 'fc/quantized_affine/W', 'fc/quantized_affine/b'];
    for (const name of others) {
      expect(layers.get(name)).toMatchObject({ quantizer: experiment([]).weights, patterns: [] });
    }
  });

  it('that come later win, key by key', () => {
    const layers = resolved('*: w_bitwidth = 3, w_stepsize = 0.5', 'fc/*: w_bitwidth = 8', 'fc/*/b: w_quantize = fp');
    expect(layers.get('conv1/quantized_conv/W')?.quantizer).toMatchObject({ bitwidth: 3, stepSize: 0.5 });
    expect(layers.get('fc/quantized_affine/W')?.quantizer).toMatchObject({ bitwidth: 8, stepSize: 0.5 });
    expect(layers.get('fc/quantized_affine/b')).toMatchObject({
      role: 'bias',
      quantizer: { kind: 'fp', bitwidth: 8, stepSize: 0.5 },
      patterns: ['*', 'fc/*', 'fc/*/b'],
    });
  });

  it('give single weights a step for each channel', () => {
    const perChannel = [...resolved('conv1*: w_per_channel = true').values()].filter(
      (layer) => layer.quantizer.perChannel,
    );
    expect(perChannel.map(({ tensor }) => tensor)).toEqual(['conv1/quantized_conv/W']);
  });

  it('match whole names, letter by letter', () => {
    expect(resolved('conv1: a_bitwidth = 2').get('res1/layer1')?.patterns).toEqual([]);
    expect(fault(['conv1: w_bitwidth = 2'])).toContain('no weight or bias has a name like conv1');
    expect(fault(['CONV1: a_bitwidth = 2'])).toContain('no activation has a name like CONV1');
    expect(fault(['conv.: a_bitwidth = 2'])).toContain('no activation has a name like conv.');
  });

  it('may stand in one line, and come back from config.json', () => {
    const overrides = { layers: ' conv1*: w_bitwidth=8 ;fc/*: w_quantize = none;' };
    const given = resolveExperiment(parseConfig(`[A]\n${quantized}`, 'a.cfg'), 'A', overrides);
    expect(given.settings.layers).toBe('conv1*: w_bitwidth=8; fc/*: w_quantize = none');
    expect(given.layers).toMatchObject([
      { pattern: 'conv1*', values: { w_bitwidth: 8 } },
      { pattern: 'fc/*', values: { w_quantize: null } },
    ]);
    const lines = experiment(['conv1*: w_bitwidth=8', '# not this one', 'fc/*: w_quantize = none']);
    expect(lines.settings).toEqual(given.settings);
    const back = experimentFromSettings('A', 'config.json', JSON.parse(JSON.stringify(given.settings)));
    expect(resolveLayers(back, tensors)).toEqual(resolveLayers(given, tensors));
  });

  it('may quantize what is not quantized otherwise', () => {
    const { settings, layers } = experiment(['fc/*: w_quantize = fp'], 'target_weight_kbytes = 70\n');
    expect(resolveLayers({ settings, layers }, tensors).map(({ quantizer }) => quantizer.kind)).toEqual([
      ...Array(5).fill(null),
      'fp',
      'fp',
    ]);
    expect(quantizesAnything(settings)).toBe(true);
    expect(quantizesAnything(experiment(['fc/*: w_quantize = none'], '').settings)).toBe(false);
    expect(quantizesAnything(experiment([]).settings)).toBe(true);
  });
});

describe('faults name the rule', () => {
  it.each<[string, string]>([
    [
      'conv1*',
      'a.cfg:4: [A] layers: conv1*: a rule is a pattern, a colon and settings, such as conv1*: w_bitwidth = 8',
    ],
    [': w_bitwidth = 8', 'a rule is a pattern'],
    ['conv1*:', 'a rule is a pattern'],
    ['conv1*: 8', "'8' is no such setting: the w_ and a_ keys can be set for single layers"],
    [
      'conv1*: w_bitwidht = 8',
      "'w_bitwidht = 8' is no such setting: the w_ and a_ keys can be set for single layers; did you mean 'w_bitwidth'?",
    ],
    ['conv1*: epochs = 8', 'is no such setting'],
    ['conv1*: w_bitwidth = 8,', "'' is no such setting"],
    ['conv1*: w_bitwidth = 8, w_bitwidth = 4', 'w_bitwidth stands twice: remove one'],
    ['conv1*: w_bitwidth = 40', 'layers: conv1*: w_bitwidth = 40: must be an integer from 2 to 16'],
    ['conv1*: w_quantize = parametric_d_xmax', "did you mean 'parametric_fp_d_xmax'?"],
    ['conv1*: w_bitwidth = 9', 'w_bitwidth = 9 for conv1/quantized_conv/W: must be from 2 to 8, the limits'],
    ['res*: a_bitwidth_max = 3', 'a_bitwidth = 4 for res1/layer1/basicblock1: must be from 1 to 3'],
    ['fc*: w_xmax_min = 200', 'w_xmax_min = 200 for fc/quantized_affine/W: must be below w_xmax_max = 127'],
  ])('%s', (rule, message) => {
    expect(fault([rule])).toContain(message);
  });

  it('that matches nothing, and names what is near', () => {
    expect(fault(['*: w_bitwidth = 4', 'cnov1*: w_bitwidth = 8'])).toBe(
      'a.cfg:4: [A] layers: cnov1*: w_bitwidth = 8: no weight or bias has a name like cnov1*; near are ' +
        'conv1/quantized_conv/W, res1/layer1/basicblock1/quantized_conv/W, fc/quantized_affine/W',
    );
    // The weights of the layer match, but no activation does.
    expect(fault(['fc/*: w_bitwidth = 8, a_bitwidth = 8'])).toContain('no activation has a name like fc/*; near are ');
  });

  it('that wants steps for the channels of nothing', () => {
    expect(fault(['conv1*: w_quantize = none, w_per_channel = true'])).toBe(
      'a.cfg:4: [A] layers: conv1*: w_quantize = none, w_per_channel = true: no weight with a name like conv1* is ' +
        'quantized: w_per_channel needs a w_quantize there (biases have one step)',
    );
    expect(fault(['fc/*/b: w_per_channel = yes'])).toContain('(biases have one step)');
    expect(fault(['fc/*: w_per_channel = maybe'])).toContain('must be one of true, yes, on, 1, false, no, off, 0');
    expect(fault(['fc/*: a_per_channel = true'])).toContain('is no such setting');
    expect(fault(['*: w_per_channel = true', 'fc/*: w_quantize = none'])).toBe('no error');
    expect(fault(['fc/*: w_per_channel = false, w_quantize = none'])).toBe('no error');
  });

  it('where no rule quantizes what a budget is for', () => {
    expect(fault(['fc/*: w_quantize = none'], 'target_weight_kbytes = 70\n')).toContain('needs quantized weights');
  });
});
