import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { InputError } from '../errors.js';
import { parseConfig } from '../settings/configFile.js';
import { type Overrides, resolveExperiment } from '../settings/experiment.js';
import { resolveParameters, resolveStartingWeights } from './startingWeights.js';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

const put = (path: string) => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), '');
  return join(folder, path);
};

const resolve = (weightfile: string, overrides: Overrides = {}) => {
  const text = `[DEFAULT]\n[PRIOR]\n[A]\nweightfile = ${weightfile}\n`;
  const file = parseConfig(text, join(folder, 'cfg/a.cfg'));
  const out = join(folder, 'runs');
  return resolveStartingWeights(resolveExperiment(file, 'A', { out, ...overrides }), file);
};

const fault = (weightfile: string, overrides: Overrides = {}) => {
  try {
    resolve(weightfile, overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message.replaceAll(folder, '');
  }
  return 'no error';
};

describe('starting weights', () => {
  it('none', () => {
    expect(resolve('none')).toBeNull();
    expect(resolve('PRIOR/params_best.h5', { weights: 'none' })).toBeNull();
  });

  it('are the best parameters of the experiment named, .safetensors before .h5, run folders before files', () => {
    const beside = put('cfg/params_PRIOR/params_best.h5');
    expect(resolve('params_PRIOR/params_best.h5')).toBe(beside);
    const h5 = put('runs/PRIOR/params_best.h5');
    expect(resolve('params_PRIOR/params_best.h5')).toBe(h5);
    const safetensors = put('runs/PRIOR/params_best.safetensors');
    expect(resolve('PRIOR/params_best.h5')).toBe(safetensors);
    expect(resolve('PRIOR')).toBe(safetensors);
  });

  it('from the command line are a file first', () => {
    put('runs/PRIOR/params_best.safetensors');
    const file = put('elsewhere/PRIOR/params_best.h5');
    expect(resolve('none', { weights: file })).toBe(file);
    expect(resolve('none', { weights: 'PRIOR/params_best.h5' })).toBe(
      join(folder, 'runs/PRIOR/params_best.safetensors'),
    );
  });

  it('that are missing: says which experiment to run first, for the same network and images', () => {
    expect(fault('params_DEFAULT/params_best.h5', { out: 'experiments' })).toBe(
      '/cfg/a.cfg:4: [A] weightfile = params_DEFAULT/params_best.h5: experiment DEFAULT has not been trained yet; ' +
        'first run: npx mpdnn train DEFAULT --cfg /cfg/a.cfg --out experiments',
    );
    expect(fault('PRIOR/params_best.h5', { model: 'resnet32', data: 'images:my pets' })).toContain(
      "first run: npx mpdnn train PRIOR --cfg /cfg/a.cfg --model resnet32 --data 'images:my pets' --out /runs",
    );
  });

  it('that are missing and name no experiment', () => {
    expect(fault('PIROR/params_best.h5')).toContain("no section [PIROR] in /cfg/a.cfg; did you mean 'PRIOR'?");
    expect(fault('PIROR')).toContain("no section [PIROR] in /cfg/a.cfg; did you mean 'PRIOR'?");
    expect(fault('net.h5')).toContain(
      'weightfile = net.h5: no such file; name a run folder, a .safetensors, .pt or .h5 file',
    );
    // Options, and the keys of an experiment's overrides.
    for (const overrides of [{ weights: 'net.h5' }, { weightfile: 'net.h5' }]) {
      expect(fault('none', overrides)).toMatch(/^--weights = net.h5: no such file/);
    }
  });

  it('are the best parameters of a run folder that is named', () => {
    const best = put('front/seed-0/FLOAT/params_best.safetensors');
    const run = join(folder, 'front/seed-0/FLOAT');
    put('front/seed-0/FLOAT/config.json');
    expect(resolve(run)).toBe(best);
    expect(resolve('none', { weights: run })).toBe(best);
  });

  it('that a run does not have, since no epoch has ended inside its budget', () => {
    put('runs/PRIOR/config.json');
    const message =
      ': /runs/PRIOR has no best parameters: no epoch has ended inside its budget yet; name ' +
      '/runs/PRIOR/params_last.safetensors, or none to start from scratch';
    for (const written of ['PRIOR', 'params_PRIOR/params_best.h5', join(folder, 'runs/PRIOR')]) {
      expect(fault(written)).toBe(`/cfg/a.cfg:4: [A] weightfile = ${written.replace(folder, '')}${message}`);
    }
    expect(fault('none', { weights: join(folder, 'runs/PRIOR/params_lost.safetensors') })).toContain(
      ': no such file; ',
    );
  });

  it('those of a teacher are found likewise, but for its model', () => {
    const taught = (written: string) => {
      const file = parseConfig(`[A]\ndistill = ${written}\n[PRIOR]\n`, join(folder, 'cfg/a.cfg'));
      const experiment = resolveExperiment(file, 'A', { out: join(folder, 'runs'), model: 'resnet32' });
      return resolveParameters(experiment, file, { key: 'distill', written, without: 'to have no teacher' });
    };
    expect(() => taught('PRIOR/params_best.h5')).toThrow(/first run: npx mpdnn train PRIOR --cfg \S+ --out \S+$/);
    const best = put('runs/PRIOR/params_best.safetensors');
    expect(taught('PRIOR/params_best.h5')).toBe(best);
    expect(() => taught('net.h5')).toThrow(
      /a\.cfg:2: \[A\] distill = net\.h5: no such file; .* or none to have no teacher/,
    );
  });

  it('are never the result of the experiment itself', () => {
    put('runs/A/params_best.safetensors');
    expect(fault('A/params_best.h5')).toContain('is the result of this very experiment; name another');
  });
});
