/** A run from clips: trained on bytes of features, whose definition it keeps, asked for clips, and shipped as integers. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readSafetensors } from '../../src/weights/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { tone } from '../wavFile.js';
import { mpdnn, succeeds } from './runMpdnn.js';

const folder = temporaryFolder();

it('is trained, evaluated, asked and exported', async () => {
  for (const [name, hertz] of [
    ['low', 300],
    ['high', 1500],
  ] as const) {
    mkdirSync(join(folder, 'set', name), { recursive: true });
    for (let index = 0; index < 20; index++) {
      writeFileSync(join(folder, 'set', name, `${index}.wav`), tone(hertz + 20 * index, 1600));
    }
  }
  const settings =
    'model = tiny\nepochs = 4\nbatch_size = 8\ndevice = cpu\nthreads = 1\nsound_mel_bands = 16\nsound_window_ms = 25';
  writeFileSync(
    join(folder, 'a.cfg'),
    `[A]\n${settings}\nw_quantize = parametric_fp_d_xmax\na_quantize = parametric_fp_d_xmax_relu\n`,
  );
  await succeeds(['train', 'A', '--cfg', 'a.cfg', '--data', 'wav:set', '--no-plots', '--out', 'runs'], folder);
  const { settings: kept, data } = JSON.parse(readFileSync(join(folder, 'runs/A/config.json'), 'utf8'));
  expect(kept).toMatchObject({ sound_features: 'mfcc', sound_hop_ms: 20, augment_mirror: false, augment_shift: 0 });
  expect(data).toMatchObject({
    classes: ['high', 'low'],
    image: [9, 10, 1],
    values: 'bytes',
    scale: [1 / 128],
    offset: [-1],
  });
  expect(data.features).toMatchObject({
    of: 'sound',
    kind: 'mfcc',
    sampleRate: 8000,
    samples: 1600,
    window: 200,
    fft: 256,
  });

  expect(JSON.parse((await succeeds(['eval', 'runs/A', '--json'], folder)).stdout).images).toBe(8);
  const clip = ['predict', 'runs/A', 'set/low/3.wav', '--json'];
  expect(JSON.parse((await succeeds(clip, folder)).stdout)).toMatchObject([{ file: 'set/low/3.wav' }]);
  for (const [file, message] of [
    ['nope.flac', 'nope.flac: no such file'],
    ['set/low', 'set/low: this network takes clips; give .wav files'],
  ] as const) {
    expect(await mpdnn(['predict', 'runs/A', file], folder)).toMatchObject({ code: 2, stderr: `mpdnn: ${message}\n` });
  }
  await succeeds(['export', 'runs/A'], folder);
  const exported = JSON.parse(readFileSync(join(folder, 'runs/A/export/export.json'), 'utf8'));
  const packed = readSafetensors(join(folder, 'runs/A/export/net.safetensors'));
  expect([exported.features, JSON.parse(packed.metadata.features!)]).toEqual([data.features, data.features]);

  const { code, stderr } = await mpdnn(
    ['train', 'A', '--cfg', 'a.cfg', '--data', 'synthetic', '--sound-hop-ms', '10'],
    folder,
  );
  expect([code, stderr]).toEqual([
    2,
    'mpdnn: --sound-hop-ms = 10: has no effect with data = synthetic: they are of wav:DIR\n',
  ]);
});
