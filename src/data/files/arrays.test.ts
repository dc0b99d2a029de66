/** Arrays of one's own: the three forms say the same, and what does not fit together is refused in a line. */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { npy, zip } from '../../../test/arrayFiles.js';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { encodeSafetensors } from '../../weights/safetensors.js';
import { fingerprint } from '../fingerprint.js';
import { loadArrays, readInputs } from './arrays.js';

const folder = temporaryFolder();
const at = (name: string, bytes: Uint8Array): string => {
  writeFileSync(path.join(folder, name), bytes);
  return path.join(folder, name);
};

type Files = Readonly<Record<string, Uint8Array>>;
const x = Float32Array.from({ length: 24 }, (_, index) => index / 8);
const sound: Files = {
  'x_train.npy': npy([4, 3, 2], x),
  'y_train.npy': npy([4], BigInt64Array.of(0n, 1n, 2n, 1n)),
  'x_test.npy': npy([2, 3, 2], x.slice(0, 12)),
  'y_test.npy': npy([2, 1], Uint8Array.of(2, 0)),
};
const load = (files: Files, testOnly = false) => loadArrays(at('a.npz', zip(files)), testOnly);
const without = (...names: string[]): Files =>
  Object.fromEntries(Object.entries(sound).filter(([name]) => !names.includes(name)));

describe('arrays', () => {
  it('whose labels begin with 1 are said to leave class 0 without inputs', async () => {
    const y = (...labels: number[]) => npy([labels.length], Uint8Array.from(labels));
    const { notes, classes } = await load({ ...sound, 'y_train.npy': y(1, 2, 3, 2), 'y_test.npy': y(3, 1) });
    expect(classes).toEqual(['0', '1', '2', '3']);
    expect(notes).toEqual([
      expect.stringMatching(
        /^NOTE: .*a\.npz: y_train has no input of class 0; labels are the numbers of 4 classes from 0/,
      ),
    ]);
  });

  it('whose maps lack a class are said to leave it without pixels', async () => {
    const y = (...pixels: number[]) => npy([pixels.length / 6, 3, 2], Uint8Array.from(pixels));
    const files = { ...sound, 'y_train.npy': y(...Array(12).fill(2), ...Array(12).fill(255)) };
    const pixels = { loss: 'pixels', target: 'data', metric: 'iou' } as const;
    const { notes } = await loadArrays(
      at('a.npz', zip({ ...files, 'y_test.npy': y(...Array(12).fill(2)) })),
      false,
      pixels,
    );
    expect(notes).toEqual([
      expect.stringMatching(/y_train has no pixel of class 0 and 1 more; labels are the numbers of 3/),
    ]);
  });

  it('are read from .npz, .safetensors and folders alike', async () => {
    const { train, test, classes, notes } = await load(sound);
    expect(train).toEqual({ images: x, labels: Int32Array.of(0, 1, 2, 1), count: 4, height: 3, width: 2, channels: 1 });
    expect([test.labels, classes, notes]).toEqual([Int32Array.of(2, 0), ['0', '1', '2'], []]);

    const tensor = (name: string, shape: number[], data: Float32Array | Uint8Array) => ({ name, shape, data });
    const safetensors = encodeSafetensors([
      tensor('x_train', [4, 3, 2], x),
      tensor('y_train', [4], Uint8Array.of(0, 1, 2, 1)),
      tensor('x_test', [2, 3, 2], x.slice(0, 12)),
      tensor('y_test', [2], Uint8Array.of(2, 0)),
    ]);
    mkdirSync(path.join(folder, 'loose'));
    for (const [name, bytes] of Object.entries(sound)) at(`loose/${name}`, bytes);
    const prints = [train, test].map(fingerprint);
    expect(prints[0]).toMatch(/^floats:[0-9a-f]{32}$/);
    for (const place of [
      at('deflated.npz', zip(sound, true)),
      at('a.safetensors', safetensors),
      path.join(folder, 'loose'),
    ]) {
      const dataset = await loadArrays(place, false);
      expect([dataset.train, dataset.test].map(fingerprint)).toEqual(prints);
    }
  });

  it.each([
    [
      'bytes stay bytes',
      npy(
        [4, 6],
        Uint8Array.from({ length: 24 }, (_, i) => i),
      ),
      [1, 1, 6],
      Uint8Array,
    ],
    ['float64 become float32', npy([4, 3, 1, 2], Float64Array.from(x)), [3, 1, 2], Float32Array],
    [
      'small integers become float32',
      npy(
        [4, 6],
        Int16Array.from({ length: 24 }, (_, i) => -i),
      ),
      [1, 1, 6],
      Float32Array,
    ],
  ])('%s', async (_, bytes, shape, Type) => {
    const { train } = await load({
      ...sound,
      'x_train.npy': bytes,
      'x_test.npy': bytes,
      'y_test.npy': sound['y_train.npy']!,
    });
    expect([train.height, train.width, train.channels]).toEqual(shape);
    expect(train.images).toBeInstanceOf(Type);
  });

  it('bring a set to choose by and names of classes', async () => {
    const names = new Uint8Array(Uint32Array.of(97, 98, 99).buffer);
    const { validation, classes, notes } = await load({
      ...sound,
      'x_val.npy': sound['x_test.npy']!,
      'y_val.npy': sound['y_test.npy']!,
      'class_names.npy': npy([3], names, "{'descr': '<U1', 'fortran_order': False, 'shape': (3,), }"),
      'weights.npy': npy([1], x.slice(0, 1)),
    });
    expect([validation?.count, classes]).toEqual([2, ['a', 'b', 'c']]);
    expect(notes).toEqual([expect.stringMatching(/a\.npz: left out weights; x_train, /)]);
  });

  it('to train with need not be there for an evaluation', async () => {
    const { train, test } = await load(without('x_train.npy', 'y_train.npy'), true);
    expect([train.count, test.count]).toEqual([0, 2]);
  });

  const y = (...labels: number[]): Files => ({
    ...sound,
    'y_train.npy': npy([labels.length], Int32Array.from(labels)),
  });
  it.each<[string, Files]>([
    ['x_train is missing; x_train, y_train, x_test and y_test are wanted', without('x_train.npy', 'y_train.npy')],
    ['y_test is missing; x_train', without('y_test.npy')],
    ['y_train: is of 3 inputs, there are 4', y(0, 1, 2)],
    ['y_train: label 1 is -1; classes are numbered from 0 on', y(0, -1, 2, 0)],
    ['label 70000; classes are numbered from 0 on', y(0, 70_000, 2, 0)],
    ['y_test: label 0 is 2, there are 2 classes', y(0, 1, 1, 0)],
    ['y_train: labels are integers, the numbers of classes', { ...sound, 'y_train.npy': npy([4], x.slice(0, 4)) }],
    [
      'y_train: is 4x2; a label an input is wanted, such as .argmax(axis=1) of it, or loss = labels, pixels or values',
      { ...sound, 'y_train.npy': npy([4, 2], Int8Array.of(1, 0, 0, 1, 1, 0, 1, 0)) },
    ],
    [
      'x_test has floats of 1x1x6, x_train has floats of 3x2x1; all must be alike',
      { ...sound, 'x_test.npy': npy([2, 6], x.slice(0, 12)) },
    ],
    [
      'x_test has bytes of 3x2x1, x_train has floats of 3x2x1',
      { ...sound, 'x_test.npy': npy([2, 3, 2], new Uint8Array(12)) },
    ],
    [
      'x_train: value 5 is NaN; inputs are finite numbers',
      { ...sound, 'x_train.npy': npy([4, 3, 2], x.with(5, Number.NaN)) },
    ],
    [
      'x_train: value 0 is Infinity; inputs are finite numbers',
      { ...sound, 'x_train.npy': npy([4, 1], Float64Array.of(1e300, 1, 1, 1)) },
    ],
    ['x_train: holds integers of 32 bits; save bytes, or', { ...sound, 'x_train.npy': npy([4, 1], new Int32Array(4)) }],
    ['x_train is 24; inputs are [count, height, width, channels]', { ...sound, 'x_train.npy': npy([24], x) }],
    [
      'class_names holds numbers; an array of texts is wanted',
      { ...sound, 'class_names.npy': npy([3], x.slice(0, 3)) },
    ],
  ])('are refused: %s', async (message, files) => {
    await expect(load(files)).rejects.toThrow(message);
  });

  it('are refused where they are not what their ending says', async () => {
    await expect(loadArrays(at('b.npz', npy([1], x.slice(0, 1))), false)).rejects.toThrow(
      /b\.npz: damaged, or no zip archive/,
    );
    await expect(loadArrays(at('x.npy', sound['x_train.npy']!), false)).rejects.toThrow(
      'arrays are read from .npz and',
    );
    await expect(loadArrays(path.join(folder, 'none.npz'), false)).rejects.toThrow('none.npz: no such file');
  });
});

describe('inputs to predict', () => {
  it('are one, or many behind each other', async () => {
    const one = await readInputs(at('one.npy', npy([3, 2], x.slice(0, 6))), [3, 2, 1]);
    const many = await readInputs(at('many.npy', npy([4, 3, 2, 1], x)), [3, 2, 1]);
    expect([one.count, many.count, many.images]).toEqual([1, 4, x]);
    await expect(readInputs(at('bad.npy', npy([4, 6], x)), [3, 2, 1])).rejects.toThrow(
      'bad.npy: is 4x6, the network takes inputs of 3x2x1, or a number of them',
    );
  });
});
