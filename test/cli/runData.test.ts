/** A run knows its classes and its images: no other ones are evaluated, gone on with or reused without a word. */

import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../temporaryFolder.js';
import { mpdnn, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const colours = { blue: '#2040d0', green: '#20d040', red: '#d04020' };

async function writeImages(set: string, names: Readonly<Record<string, string>>, count: number): Promise<void> {
  for (const [name, background] of Object.entries(names)) {
    mkdirSync(join(folder, set, name), { recursive: true });
    for (let i = 0; i < count; i++) {
      const file = join(folder, set, name, `${i}.png`);
      await sharp({ create: { width: 32, height: 32, channels: 3, background } })
        .linear(1, 3 * i)
        .toFile(file);
    }
  }
}

const call = (out: string, ...more: string[]) => [
  ...['train', 'FLOAT', '--cfg', cfg, '--data', 'images:set', '--no-plots', '--epochs', '2', '--out', out],
  ...more,
];

async function refused(args: readonly string[], ...words: string[]): Promise<void> {
  const { code, stdout, stderr } = await mpdnn(args, folder);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^mpdnn: [^\n]+\n$/);
  for (const word of words) expect(stderr).toContain(word);
}

async function evaluation(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout } = await succeeds(['eval', 'runs/FLOAT', '--last', '--json', ...args], folder);
  return JSON.parse(stdout) as Record<string, unknown>;
}

beforeAll(async () => {
  await writeImages('set/train', colours, 8);
  await writeImages('set/val', colours, 3);
  await succeeds(call('runs', '--batch-size', '8'), folder);
  cpSync(join(folder, 'set'), join(folder, 'renamed'), { recursive: true });
  for (const part of ['train', 'val'])
    renameSync(join(folder, 'renamed', part, 'blue'), join(folder, 'renamed', part, 'sky'));
});

it('config.json and parameter files say the classes, the input and the fingerprints', () => {
  const { data } = JSON.parse(readFileSync(join(folder, 'runs/FLOAT/config.json'), 'utf8'));
  expect(data).toEqual({
    classes: ['blue', 'green', 'red'],
    image: [32, 32, 3],
    values: 'bytes',
    scale: [1 / 128, 1 / 128, 1 / 128],
    offset: [-1, -1, -1],
    fingerprints: {
      train: expect.stringMatching(/^bytes:[0-9a-f]{32}$/),
      validation: null,
      test: expect.stringMatching(/^bytes:[0-9a-f]{32}$/),
    },
  });
  const file = readFileSync(join(folder, 'runs/FLOAT/params_last.safetensors'));
  const header = JSON.parse(file.subarray(8, 8 + Number(file.readBigUInt64LE(0))).toString());
  expect(JSON.parse(header.__metadata__.data)).toEqual(data);
});

describe('eval', () => {
  it('of a class that the run does not know is refused', () =>
    refused(['eval', 'runs/FLOAT', '--data', 'images:renamed'], "class 'sky' is none of those", 'blue, green, red'));

  it('takes classes by their names, however they are numbered and whichever are there', async () => {
    const own = await evaluation();
    cpSync(join(folder, 'set/val'), join(folder, 'plain'), { recursive: true });
    expect(await evaluation('--data', 'images:plain')).toMatchObject({ error: own.error, loss: own.loss, images: 9 });
    rmSync(join(folder, 'plain/blue'), { recursive: true });
    const two = await evaluation('--data', 'images:plain');
    rmSync(join(folder, 'plain/green'), { recursive: true });
    const one = await evaluation('--data', 'images:plain');
    cpSync(join(folder, 'set/val/green'), join(folder, 'plain/green'), { recursive: true });
    rmSync(join(folder, 'plain/red'), { recursive: true });
    const other = await evaluation('--data', 'images:plain');
    expect(two).toMatchObject({
      images: 6,
      loss: expect.closeTo(((one.loss as number) + (other.loss as number)) / 2, 6),
    });
  });

  it('reads folders in the size of the run, or in the one that is asked for', async () => {
    mkdirSync(join(folder, 'large/red'), { recursive: true });
    await sharp({ create: { width: 70, height: 50, channels: 3, background: colours.red } }).toFile(
      join(folder, 'large/red/a.png'),
    );
    expect(await evaluation('--data', 'images:large')).toMatchObject({ images: 1 });
    expect(await evaluation('--data', 'images:large', '--image-size', '40')).toMatchObject({ images: 1 });
    await refused(['eval', 'runs/FLOAT', '--data', 'synthetic:20', '--image-size', '40'], 'image-size');
  });

  it('of a folder without classes is refused', () =>
    refused(['eval', 'runs/FLOAT', '--data', 'images:set/val/red'], 'no class folders'));

  it('of its own images refuses others of the same name', async () => {
    cpSync(join(folder, 'set'), join(folder, 'kept'), { recursive: true });
    cpSync(join(folder, 'set/val/red/0.png'), join(folder, 'set/val/red/9.png'));
    await refused(['eval', 'runs/FLOAT', '--last'], 'the test images are others (fingerprint bytes:');
    expect(await evaluation('--data', 'images:set')).toMatchObject({ images: 10 });
    rmSync(join(folder, 'set'), { recursive: true });
    renameSync(join(folder, 'kept'), join(folder, 'set'));
    expect(await evaluation()).toMatchObject({ images: 9 });
  });
});

describe('predict', () => {
  const files = ['red/0.png', 'blue/2.png', 'green/1.png', 'red/1.png'].map((name) => `set/val/${name}`);
  const call = (...more: string[]) => ['predict', 'runs/FLOAT', '--last', ...more];

  it('tells class, label, probability and logits in the order of the files, as evaluation counts them', async () => {
    const { stdout, stderr } = await succeeds(call('--json', ...files), folder);
    expect(stderr).toBe('');
    const found = JSON.parse(stdout) as {
      file: string;
      class: string;
      label: number;
      probability: number;
      logits: number[];
    }[];
    expect(found.map(({ file }) => file)).toEqual(files);
    for (const { class: name, label, probability, logits } of found) {
      expect(name).toBe(['blue', 'green', 'red'][label]);
      expect(Math.max(...logits)).toBe(logits[label]);
      const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0);
      expect(probability).toBeCloseTo(Math.exp(logits[label]!) / sum, 6);
    }
    const all = ['blue', 'green', 'red'].flatMap((name) => [0, 1, 2].map((i) => `set/val/${name}/${i}.png`));
    const each = JSON.parse((await succeeds(call('--json', ...all), folder)).stdout) as typeof found;
    const wrong = each.filter(({ file, class: name }) => !file.includes(`/${name}/`)).length;
    expect((await evaluation()).error).toBe(wrong / 9);
  });

  it('is a line an image without --json, scaled to the size of the run', async () => {
    const { stdout } = await succeeds(call('large/red/a.png', files[1]!), folder);
    expect(stdout).toMatch(
      /^large\/red\/a.png +(red|green|blue) +\d+\.\d+ % +next (red|green|blue) \d+\.\d+ %\nset.*\n$/,
    );
  });

  it('of a file that is none, or missing, prints one line and nothing else', async () => {
    writeFileSync(join(folder, 'text.png'), 'no image');
    await refused(call(files[0]!, 'text.png'), 'text.png: cannot be decoded');
    await refused(call(files[0]!, 'missing.png'), 'missing.png: no such file');
    await refused(call(files[0]!, 'set'), 'set: is a folder');
  });

  it('needs a run that knows its classes', async () => {
    cpSync(join(folder, 'runs'), join(folder, 'unknown'), { recursive: true });
    const path = join(folder, 'unknown/FLOAT/config.json');
    const { data: _, ...config } = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify(config));
    await refused(['predict', 'unknown/FLOAT', '--last', files[0]!], 'of an older version');
  });
});

it('resuming refuses exchanged classes and other images by name', async () => {
  const exchanged = "cannot resume, class 0 was 'blue', now it is 'green'";
  await refused(call('runs', '--batch-size', '8', '--resume', '--data', 'images:renamed'), exchanged);
  await refused(call('runs', '--batch-size', '8', '--resume', '--data', 'synthetic:24'), 'data was "images:set"');
  renameSync(join(folder, 'set'), join(folder, 'kept'));
  cpSync(join(folder, 'renamed'), join(folder, 'set'), { recursive: true });
  await refused(call('runs', '--batch-size', '8', '--resume'), exchanged);
  rmSync(join(folder, 'set'), { recursive: true });
  cpSync(join(folder, 'kept'), join(folder, 'set'), { recursive: true });
  cpSync(join(folder, 'set/train/red/0.png'), join(folder, 'set/train/red/9.png'));
  await refused(call('runs', '--batch-size', '8', '--resume'), 'cannot resume, the training images are others');
  rmSync(join(folder, 'set'), { recursive: true });
  renameSync(join(folder, 'kept'), join(folder, 'set'));
  await succeeds(call('runs', '--batch-size', '8', '--resume'), folder);
});

it('a folder of an older version goes on and is evaluated with a line that says what is not checked', async () => {
  cpSync(join(folder, 'runs'), join(folder, 'old'), { recursive: true });
  const path = join(folder, 'old/FLOAT/config.json');
  const { data: _, ...config } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify(config));
  const evaluated = await succeeds(['eval', 'old/FLOAT', '--last', '--json'], folder);
  expect(evaluated.stderr).toMatch(/older versions kept no names of classes/);
  const resumed = await succeeds(call('old', '--batch-size', '8', '--resume'), folder);
  expect(resumed.stderr).toMatch(/older versions kept nothing of their images/);
  await refused(call('old', '--batch-size', '8', '--resume', '--data', 'images:renamed'), 'data was "images:set"');
});

it('a finished run trained on equals one that was longer from the start', async () => {
  const longer = ['--batch-size', '8', '--learning-rate-drops', '2', '--epochs'];
  await succeeds(call('whole', ...longer, '4'), folder);
  await succeeds(call('onward', ...longer, '2'), folder);
  await succeeds(call('onward', ...longer, '4', '--resume'), folder);
  expect(resultFiles(join(folder, 'onward/FLOAT'))).toEqual(resultFiles(join(folder, 'whole/FLOAT')));
  const {
    seconds: _s,
    images_per_second: _i,
    ...summary
  } = JSON.parse(readFileSync(join(folder, 'onward/FLOAT/summary.json'), 'utf8'));
  expect(JSON.parse(readFileSync(join(folder, 'whole/FLOAT/summary.json'), 'utf8'))).toMatchObject(summary);
  await refused(call('onward', ...longer, '3', '--resume'), 'cannot resume to 3 epochs, it has trained 4');
  await refused(call('runs', '--batch-size', '8', '--epochs', '8', '--resume'), 'the learning rate would drop after');
});

describe('a start from a network of other classes', () => {
  it('takes all but the last layer, whose tensors it names', async () => {
    await succeeds(['train', 'BUDGET', '--cfg', cfg, '--out', 'ten', '--no-plots', '--epochs', '1'], folder);
    const weights = ['--weights', 'ten/BUDGET/params_last.safetensors'];
    const three = [
      'train',
      'BUDGET',
      '--cfg',
      cfg,
      '--data',
      'images:set',
      '--batch-size',
      '8',
      '--epochs',
      '1',
      '--no-plots',
    ];
    const { stderr } = await succeeds([...three, '--out', 'three', ...weights], folder);
    expect(stderr).toMatch(
      /: \d+ tensors taken, 2 fresh \(fc\/quantized_affine\/W, fc\/quantized_affine\/b\), 6 unused \(fc\/quantized_affine\/W, .*\); its last layer is of other classes\n/,
    );
    await succeeds(['eval', 'three/BUDGET', '--last'], folder);
    const same = await succeeds(
      ['train', 'BUDGET', '--cfg', cfg, '--out', 'again', '--no-plots', '--epochs', '1', ...weights],
      folder,
    );
    expect(same.stderr).toMatch(/: \d+ tensors taken, 0 fresh, 0 unused\n/);
  });

  it('says where as many have other names', async () => {
    const file = 'runs/FLOAT/params_last.safetensors';
    const renamed = ['--batch-size', '8', '--data', 'images:renamed', '--weights', file];
    const { stderr } = await succeeds(call('on', ...renamed), folder);
    expect(stderr).toContain("0 fresh, 0 unused; its classes are others, class 0 is 'blue' there and 'green' here\n");
  });
});
