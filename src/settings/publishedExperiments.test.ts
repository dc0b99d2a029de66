/** The shipped configs against the published experiments as data, and against the settings of the golden steps. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { publishedStepSize } from '../quant/index.js';
import { resolveExperiment } from './experiment.js';
import { listExperiments } from './listExperiments.js';
import { readConfigFile } from './readConfigFile.js';
import { readSettings } from './settings.js';

const published = 'test/publishedExperiments.json';
const goldenSteps = 'test/golden/resnet20_step.json';
const goldenNetworks = 'test/golden/resnet18.json';

type Published = Record<
  string,
  { defaults: Record<string, string>; experiments: Record<string, Record<string, string>> }
>;

// Where our files differ on purpose, and how.
const mends: Record<string, Record<string, string>> = {
  // Published: POW2_W2A4Q_INIT/params_best.h5, its own result.
  POW2_W2A4Q_INIT: { weightfile: 'params_DEFAULT/params_best.h5' },
};

// What was built in as published, and is not the default of new runs.
const asPublished = { normalise: 'symmetric' };

describe('published experiments', () => {
  const data = JSON.parse(readFileSync(published, 'utf8')) as Published;

  it.each(Object.keys(data))('%s holds the same sections in the same order', (name) => {
    const file = readConfigFile(join('configs', name));
    const plain = (section: ReadonlyMap<string, { value: string }>) =>
      Object.fromEntries([...section].map(([key, { value }]) => [key, value]));
    expect(plain(file.defaults)).toEqual({ ...data[name]?.defaults, ...asPublished });
    expect([...file.sections.keys()]).toEqual(Object.keys(data[name]?.experiments ?? {}));
    for (const [section, options] of Object.entries(data[name]?.experiments ?? {})) {
      expect(plain(file.sections.get(section)!), section).toEqual({ ...options, ...mends[section] });
    }
  });

  it('all 155 resolve to what they say', () => {
    let count = 0;
    for (const [name, { defaults, experiments }] of Object.entries(data)) {
      const file = readConfigFile(join('configs', name));
      for (const [section, options] of Object.entries(experiments)) {
        const { settings } = resolveExperiment(file, section);
        const expected = readSettings(
          { ...defaults, ...options, ...mends[section] },
          ({ message }) => new Error(message),
        );
        for (const key of [...Object.keys(defaults), ...Object.keys(options)] as (keyof typeof expected)[]) {
          expect(settings[key], `${section} ${key}`).toEqual(expected[key]);
        }
        expect(settings).toMatchObject({ mean: [0.5], std: [0.5] });
        count++;
      }
    }
    expect(count).toBe(155);
  });

  it('a listing has a row for each and for DEFAULT', () => {
    const rows = Object.keys(data).map((name) => listExperiments(readConfigFile(join('configs', name))));
    expect(rows.map((r) => r.length)).toEqual([74, 83]);
  });
});

describe('golden steps', () => {
  it('have the default settings, and the published steps where ours follow from the data', () => {
    const { configs } = JSON.parse(readFileSync(goldenSteps, 'utf8')) as {
      configs: { config: Record<string, unknown> }[];
    };
    const [float] = configs;
    const { settings } = resolveExperiment(readConfigFile('configs/train_resnet_quant_fp.cfg'), 'DEFAULT');
    const { w_stepsize, a_stepsize, ...others } = float?.config ?? { missing: true };
    expect(settings).toMatchObject(others);
    expect([w_stepsize, a_stepsize]).toEqual([publishedStepSize, publishedStepSize]);
    expect([settings.w_stepsize, settings.a_stepsize]).toEqual(['auto', 'auto']);
  });
});

describe('ImageNet', () => {
  const file = readConfigFile('configs/train_imagenet.cfg');
  const kinds = ['FLOAT', 'FIXED', 'RANGE', 'MAX', 'FREE'];

  it.each(['RESNET18', 'MOBILENETV2'])('%s has a section for every row of the published figure', (name) => {
    const rows = kinds.map((kind) => resolveExperiment(file, `${name}_${kind}`));
    for (const { network, data, settings, training } of rows) {
      expect(network.model).toBe(name.toLowerCase());
      expect(data).toMatchObject({ augment: 'resized_crop', imageSize: 224, augmentMirror: true });
      expect(settings.mean).toHaveLength(3);
      expect(training.schedule).toBe('cosine');
    }
    const [float, ...quantized] = rows;
    expect([float?.weights.kind, float?.training.startFrom]).toEqual([null, null]);
    expect(quantized.map(({ weights }) => [weights.kind, weights.bitwidth])).toEqual([
      ['fp', 4],
      ['parametric_fp_b_xmax', 4],
      ['parametric_fp_d_xmax', 4],
      ['parametric_fp_d_xmax', 8],
    ]);
    for (const { weights, activations, training } of quantized) {
      expect(activations).toMatchObject({ kind: weights.kind, bitwidth: weights.bitwidth });
      expect(training.startFrom).toBe(`${name}_FLOAT/params_best.safetensors`);
    }
    const [, range, ...mixed] = quantized;
    for (const { bitwidthMin, bitwidthMax } of [range!.weights, range!.activations]) {
      expect([bitwidthMin, bitwidthMax]).toEqual([4, 4]);
    }
    expect(mixed.map(({ budget }) => budget.targetActivationKbytes > 0)).toEqual([true, false]);
  });

  it('has no other sections', () => {
    expect(file.sections.size).toBe(10);
    for (const { name } of listExperiments(file)) expect(() => resolveExperiment(file, name)).not.toThrow();
  });

  it('has budgets that 4 bits just fit into', () => {
    const { networks } = JSON.parse(readFileSync(goldenNetworks, 'utf8')) as { networks: Record<string, unknown>[] };
    for (const [section, name] of [
      ['RESNET18_MAX', 'resnet18'],
      ['MOBILENETV2_MAX', 'mobilenet_v2_1.0'],
    ] as const) {
      const facts = networks.find((each) => each.name === name && String(each.input_shape) === '3,224,224');
      const { targetWeightKbytes, targetActivationKbytes } = resolveExperiment(file, section).budget;
      for (const [target, float] of [
        [targetWeightKbytes, facts?.float_kbytes_conv_and_linear],
        [targetActivationKbytes, facts?.activation_float_kbytes_max],
      ] as const) {
        expect(target - Number(float) / 8).toBeGreaterThanOrEqual(0);
        expect(target - Number(float) / 8).toBeLessThan(0.11);
      }
    }
  });
});

it('lists what a section trains', () => {
  const rows = listExperiments(readConfigFile('configs/quickstart.cfg'));
  expect(rows.map(({ name }) => name)).toEqual(['DEFAULT', 'QUICKSTART_FLOAT', 'QUICKSTART']);
  expect(rows[1]).toMatchObject({ weights: 'float', activations: 'float', budget: 'none', startsFrom: 'scratch' });
  expect(rows[2]).toEqual({
    name: 'QUICKSTART',
    model: 'resnet20',
    weights: 'parametric_fp_d_xmax, from 4 bits',
    activations: 'parametric_fp_d_xmax_relu, from 4 bits',
    budget: 'weights 70 kB, activations 8.1 kB (max)',
    startsFrom: 'QUICKSTART_FLOAT',
    optimizer: 'momentum',
    initialLearningRate: 0.02,
  });
});
