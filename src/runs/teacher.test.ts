import { createHash } from 'node:crypto';
import fs, { writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { type NetworkDefinition, network, unquantized } from '../nn/index.js';
import { parseConfig } from '../settings/configFile.js';
import { experimentFromSettings, resolveExperiment, withDefinition } from '../settings/index.js';
import type { DataDescription } from '../train/dataDescription.js';
import { describe as description } from '../train/description.js';
import { describedShape, quantizedNetwork } from '../train/programOptions.js';
import { safetensorsFile } from '../weights/checkedSafetensors.js';
import { readTeacher, recordedTeacher } from './teacher.js';

const folder = temporaryFolder();
const data: DataDescription = {
  classes: ['cat', 'dog'],
  image: [8, 8, 3],
  values: 'bytes',
  scale: [1, 1, 1],
  offset: [0, 0, 0],
  fingerprints: { train: '', validation: null, test: '' },
};
const tensors = [{ name: 'fc/W', shape: [1], data: Float32Array.of(1) }];

/** A file of a network with these settings. */
function write(name: string, settings: object, theirs: Partial<DataDescription> = {}, own?: NetworkDefinition): string {
  const path = join(folder, `${name}.safetensors`);
  const experiment = withDefinition(experimentFromSettings(name, 'a.cfg', { ...settings }), own ?? null);
  writeFileSync(path, safetensorsFile(tensors, description(experiment, { ...data, ...theirs })));
  return path;
}

function pupil(distill: string) {
  const cfg = parseConfig(`[A]\nmodel = tiny\ndistill = ${distill}\n`, join(folder, 'a.cfg'));
  return { experiment: resolveExperiment(cfg, 'A', { out: join(folder, 'runs') }), cfg };
}

function read(distill: string) {
  const { experiment, cfg } = pupil(distill);
  return readTeacher(experiment, cfg, data);
}

describe('a teacher', () => {
  it('is read once', async () => {
    const path = write('once', { model: 'tiny' });
    const reading = vi.spyOn(fs, 'readFileSync');
    syncBuiltinESMExports();
    try {
      await read(path);
      expect(reading.mock.calls.filter(([file]) => file === path)).toHaveLength(1);
    } finally {
      reading.mockRestore();
      syncBuiltinESMExports();
    }
  });

  it('has the network of its file, with its quantizers and its normalisation', async () => {
    const own = network({ input: [8, 8, 3] }, (n, x) => n.linear(n.globalAverage(n.conv(x, 4)), 2));
    const settings = { model: './net.mjs', w_quantize: 'fp', w_bitwidth: 3, batch_size: 64 };
    const file = write(
      'own',
      settings,
      { scale: [2, 2, 2], fingerprints: { train: 'a', validation: 'b', test: 'c' } },
      own,
    );
    const { network: found, scaling, weights, record } = (await read(file))!;
    const wanted = withDefinition(experimentFromSettings('own', 'a.cfg', settings), own);
    expect(found).toEqual(quantizedNetwork(wanted, describedShape(data)));
    expect(scaling).toEqual({ scale: [2, 2, 2], offset: [0, 0, 0] });
    expect(weights?.names).toEqual(['fc/W']);
    expect(record).toMatchObject({ file, network: { experiment: 'own' } });
    expect(record.sha256).toMatch(/^[0-9a-f]{64}$/);
    // A run that goes on finds the same network in its config.json.
    const kept = JSON.parse(JSON.stringify(record));
    expect(recordedTeacher(pupil(file).experiment, kept, data)).toEqual({ network: found, scaling, weights: null });
  });

  it('is the network of the run in float where the file does not say', async () => {
    const path = join(folder, 'bare.safetensors');
    const file = safetensorsFile(tensors, {});
    writeFileSync(path, file);
    const { network: found, record, scaling } = (await read(path))!;
    expect(found).toMatchObject({
      model: { model: 'tiny', classes: 2 },
      weights: unquantized,
      activations: unquantized,
    });
    expect(scaling).toBeNull();
    expect(record).toEqual({ file: path, sha256: createHash('sha256').update(file).digest('hex'), network: null });
    expect(recordedTeacher(pupil(path).experiment, null, data)).toEqual({ network: found, scaling, weights: null });
  });

  it('is none without the key', async () => {
    expect(await read('none')).toBeNull();
    expect(recordedTeacher(pupil('none').experiment, null, data)).toBeNull();
  });

  it.each([
    ['other classes', { classes: ['dog', 'cat'] }, "class 0 was 'dog', now it is 'cat'"],
    ['more classes', { classes: ['cat', 'dog', 'cow'] }, 'there were 3 classes, now there are 2'],
    ['other images', { image: [16, 16, 3] as const }, 'images were 16x16x3, now they are 8x8x3'],
    ['floats', { values: 'floats' as const }, 'values were floats, now they are bytes'],
  ])('of %s is refused', async (name, theirs, fault) => {
    const file = write(name.replaceAll(' ', '-'), { model: 'tiny' }, theirs);
    await expect(read(file)).rejects.toThrow(
      `a.cfg:3: [A] distill = ${file}: a teacher takes the same inputs and tells the same classes apart, but ${fault}`,
    );
  });

  it('of another loss is refused', async () => {
    const file = write('labels', { model: 'tiny', loss: 'labels' });
    await expect(read(file)).rejects.toThrow(
      `a.cfg:3: [A] distill = ${file}: has loss = labels; a teacher tells probabilities of classes`,
    );
  });
});
