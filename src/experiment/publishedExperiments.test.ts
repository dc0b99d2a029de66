/** The shipped configs against the published experiments as data, and against the settings of the golden steps. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfigFile } from './configFile.js';
import { resolveExperiment } from './experiment.js';
import { listExperiments } from './listExperiments.js';
import { settingsSchema } from './settings.js';

const shared = process.env.MPDNN_SHARED ?? '../shared';
const published = join(shared, 'reference/experiments.json');
const goldenSteps = join(shared, 'golden/resnet20_step.json');

type Published = Record<
  string,
  { defaults: Record<string, string>; experiments: Record<string, Record<string, string>> }
>;

// Where our files differ on purpose, and how.
const mends: Record<string, Record<string, string>> = {
  // Published: POW2_W2A4Q_INIT/params_best.h5, its own result.
  POW2_W2A4Q_INIT: { weightfile: 'params_DEFAULT/params_best.h5' },
};

describe.skipIf(!existsSync(published))('published experiments (needs ../shared)', () => {
  const data = existsSync(published) ? (JSON.parse(readFileSync(published, 'utf8')) as Published) : {};

  it.each(Object.keys(data))('%s holds the same sections in the same order', (name) => {
    const file = readConfigFile(join('configs', name));
    const plain = (section: ReadonlyMap<string, { value: string }>) =>
      Object.fromEntries([...section].map(([key, { value }]) => [key, value]));
    expect(plain(file.defaults)).toEqual(data[name]?.defaults);
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
        const expected = settingsSchema.parse({ ...defaults, ...options, ...mends[section] });
        for (const key of [...Object.keys(defaults), ...Object.keys(options)] as (keyof typeof expected)[]) {
          expect(settings[key], `${section} ${key}`).toEqual(expected[key]);
        }
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

describe.skipIf(!existsSync(goldenSteps))('golden steps (needs ../shared)', () => {
  it('have the default settings', () => {
    const { configs } = JSON.parse(readFileSync(goldenSteps, 'utf8')) as {
      configs: { config: Record<string, unknown> }[];
    };
    const [float] = configs;
    const { settings } = resolveExperiment(readConfigFile('configs/train_resnet_quant_fp.cfg'), 'DEFAULT');
    expect(settings).toMatchObject(float?.config ?? { missing: true });
  });
});

it('lists what a section trains', () => {
  const rows = listExperiments(readConfigFile('configs/quickstart.cfg'));
  expect(rows.map(({ name }) => name)).toEqual(['DEFAULT', 'QUICKSTART_FLOAT', 'QUICKSTART']);
  expect(rows[1]).toMatchObject({ weights: 'float', activations: 'float', budget: 'none', startsFrom: 'scratch' });
  expect(rows[2]).toEqual({
    name: 'QUICKSTART',
    model: 'resnet20',
    weights: 'parametric_fp_d_xmax, from 3 bits',
    activations: 'parametric_fp_d_xmax_relu, from 4 bits',
    budget: 'weights 100 kB, activations 12.1 kB (max)',
    startsFrom: 'QUICKSTART_FLOAT',
    optimizer: 'momentum',
    initialLearningRate: 0.02,
  });
});
