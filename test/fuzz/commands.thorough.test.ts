/** Damaged files on the command line: a command that cannot use one ends with code 2 and one line, and leaves nothing. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { npy, zip } from '../arrayFiles.js';
import { mpdnn, succeeds } from '../cli/runMpdnn.js';
import { residual } from '../onnx/residual.js';
import { torchFile, floats as torchFloats } from '../pytorchFile.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { tone } from '../wavFile.js';
import { fuzz } from './fuzz.js';

const folder = temporaryFolder();
const write = (name: string, bytes: Uint8Array | string) => writeFileSync(join(folder, name), bytes);
const train = (out: string, data: string) => {
  return ['train', 'A', '--cfg', 'a.cfg', '--no-plots', '--out', out, '--data', data];
};

const x = Float32Array.from({ length: 96 }, (_, at) => Math.sin(at));
const y = Uint8Array.of(0, 1, 0, 1);
const arrays = zip({
  ...{ 'x_train.npy': npy([4, 6, 4], x), 'y_train.npy': npy([4], y) },
  ...{ 'x_test.npy': npy([4, 6, 4], x), 'y_test.npy': npy([4], y) },
});
const table = 'length,split,label\n1,train,b\n3,train,a\n-2.5e-1,test,a\n2,test,b\n';
const state = torchFile({ 'fc.weight': torchFloats([2, 16], x.slice(0, 32)), 'fc.bias': torchFloats([2], [1, 2]) });
const clip = tone(300, 800);

beforeAll(async () => {
  write('a.cfg', '[A]\nmodel = tiny\nepochs = 1\nbatch_size = 2\ndevice = cpu\nthreads = 1\nsound_mel_bands = 16\n');
  write('whole.npz', arrays);
  write('whole.csv', table);
  for (const name of ['low', 'high']) {
    mkdirSync(join(folder, 'clips', name), { recursive: true });
    for (let index = 0; index < 9; index++) write(`clips/${name}/${index}.wav`, tone(300 + index, 800));
  }
  await succeeds(train('arrays', 'arrays:whole.npz'), folder);
  await succeeds(train('table', 'csv:whole.csv'), folder);
  await succeeds(train('sounds', 'wav:clips'), folder);
});

it.each<[string, () => Uint8Array, readonly string[], number]>([
  ['net.onnx', () => residual(false), ['inspect', 'net.onnx'], 1000],
  ['a.npz', () => arrays, ['eval', 'arrays/A', '--data', 'arrays:a.npz'], 300],
  ['a.csv', () => Buffer.from(table), ['eval', 'table/A', '--data', 'csv:a.csv'], 300],
  ['a.npy', () => npy([4, 6, 4], x), ['predict', 'arrays/A', 'a.npy'], 300],
  ['a.wav', () => clip, ['predict', 'sounds/A', 'a.wav'], 300],
  [
    'a.safetensors',
    () => readFileSync(join(folder, 'arrays/A/params_best.safetensors')),
    ['predict', 'a.safetensors', 'whole.npy'],
    300,
  ],
  ['a.pt', () => state, [...train('begun', 'arrays:whole.npz'), '--weights', 'a.pt'], 100],
])('%s', async (file, whole, args, count) => {
  write('whole.npy', npy([4, 6, 4], x));
  const tried = async (bytes: Uint8Array): Promise<void> => {
    write(file, bytes);
    const { code, stderr } = await mpdnn(args, folder);
    const begun = join(folder, 'begun');
    const leaves = existsSync(begun);
    if (code === 0) return rmSync(begun, { recursive: true, force: true });
    expect({ code, stderr, leaves }).toEqual({
      ...{ code: 2, leaves: false },
      stderr: expect.stringMatching(/^(npx )?mpdnn: [^\n]+\n$/),
    });
    throw new InputError(stderr.trim());
  };
  const { refused } = await fuzz([whole()], tried, undefined, count);
  expect(refused).toBeGreaterThan(count / 4);
});
