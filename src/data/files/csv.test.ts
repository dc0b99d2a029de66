/** Tables: columns by name, lines for testing as they say, faults with their lines. */

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { loadCsv, readCsvInputs } from './csv.js';

const folder = temporaryFolder();
const at = (name: string, text: string | Uint8Array): string => {
  writeFileSync(path.join(folder, name), text);
  return path.join(folder, name);
};
const load = (text: string | Uint8Array) => loadCsv(at('a.csv', text), 7, false);

const table = `length,split,label,"wide, or not"
1,train,b,10
3,train,a,10
-2.5e-1,test,a,"4"

.5,val,b,+6.
`;

describe('a table', () => {
  it('has features, classes, sets and moments of the training lines', async () => {
    const { train, test, validation, classes, features, moments, notes } = await load(`\ufeff${table}`);
    expect(features).toEqual({ of: 'columns', names: ['length', 'wide, or not'] });
    expect(classes).toEqual(['a', 'b']);
    const shape = { height: 1, width: 1, channels: 2 };
    expect(train).toEqual({ ...shape, count: 2, images: Float32Array.of(1, 10, 3, 10), labels: Int32Array.of(1, 0) });
    expect(test).toEqual({ ...shape, count: 1, images: Float32Array.of(-0.25, 4), labels: Int32Array.of(0) });
    expect(validation?.images).toEqual(Float32Array.of(0.5, 6));
    expect([moments, notes]).toEqual([{ mean: [2, 10], std: [1, 1] }, []]);
  });

  it.each([';', '\t'])('may have %j between cells', async (sign) => {
    const { train } = await load(table.replace('"wide, or not"', 'wide').replaceAll(',', sign));
    expect(train.images).toEqual(Float32Array.of(1, 10, 3, 10));
  });

  it('without a split is split by the seed, and says so', async () => {
    const text = `x,class\n${Array.from({ length: 10 }, (_, line) => `${line},${line % 3}\n`).join('')}`;
    const { train, test, classes, notes } = await load(text);
    expect([train.count, test.count, classes]).toEqual([8, 2, ['0', '1', '2']]);
    expect([...train.images, ...test.images].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(notes).toEqual([
      expect.stringContaining('no column split; 2 of 10 lines, chosen by the seed, are for testing'),
    ]);
    expect((await load(text)).test).toEqual(test);
    expect((await loadCsv(at('a.csv', text), 8, false)).test).not.toEqual(test);
  });

  it('may be a file a set in a folder', async () => {
    mkdirSync(path.join(folder, 'sets'));
    at('sets/test.csv', 'x,target\n3,10\n');
    await expect(loadCsv(path.join(folder, 'sets'), 1, false)).rejects.toThrow(
      'train.csv: no such file; wanted in this',
    );
    expect((await loadCsv(path.join(folder, 'sets'), 1, true)).train.count).toBe(0);
    at('sets/train.csv', 'x,target\n1,9\n2,10\n');
    const { train, test, validation, classes } = await loadCsv(path.join(folder, 'sets'), 1, false);
    expect([train.labels, test.labels, validation, classes]).toEqual([
      Int32Array.of(0, 1),
      Int32Array.of(1),
      undefined,
      ['9', '10'],
    ]);
    at('sets/train.csv', 'y,target\n1,9\n');
    await expect(loadCsv(path.join(folder, 'sets'), 1, false)).rejects.toThrow(
      'test.csv: its columns are x, target, those of the first file y, target',
    );
  });

  it('of an autoencoder may have a column target of any numbers, which is no feature', async () => {
    const task = { loss: 'values', target: 'input', metric: 'mse' } as const;
    const { features } = await loadCsv(at('a.csv', 'x,target\n1,2\n2,-.5\n'), 7, false, task);
    expect(features).toEqual({ of: 'columns', names: ['x'] });
  });

  it.each([
    ['a.csv: line 3: x is missing', 'x,label\n1,a\n,b\n'],
    ["a.csv: line 2: x is 'one', which is no finite number", 'x,label\none,a\n'],
    ["a.csv: line 2: x is '1e999', which is no finite number", 'x,label\n1e999,a\n'],
    ["a.csv: line 2: x is '0x10', which is no finite number", 'x,label\n0x10,a\n'],
    ['a.csv: line 3: label is missing', 'x,label\n1,a\n2,\n'],
    ["a.csv: line 2: split is 'dev', it must be train, val or test", 'x,label,split\n1,a,dev\n'],
    ['a.csv: none of its 1 lines is for test', 'x,label,split\n1,a,train\n'],
    [
      'a.csv: has columns x, y; one column of classes is wanted, called label or class or target; numbers',
      'x,y\n1,a\n',
    ],
    ['or target; numbers are predicted with --loss values and a column called target', 'size,price\n1,2.5\n'],
    ['called label or class or target; target_x is for loss = values', 'x,target_x\n1,2\n'],
    ['called label or class or target; label_x is for loss = labels', 'x,label_x\n1,1\n'],
    ['a.csv: column target holds numbers such as -.5, which are for loss = values', 'x,target\n1,2\n2,-.5\n'],
    ['a.csv: has several; one column of classes is wanted', 'x,label,class\n1,a,b\n'],
    ['a.csv: line 1: column 2 is called x, as another one', 'x,x,label\n1,2,a\n'],
    ['a.csv: line 1: column 1 is without a name', ',label\n1,a\n'],
    ['a.csv: line 3: has 3 cells, the first line has 2', 'x,label\n1,a\n1,2,b\n'],
    ['a.csv: Quote Not Closed: the parsing is finished with an opening quote at line 2', 'x,label\n"1,a\n'],
    ['a.csv: has no lines of numbers behind the names of its columns', 'x,label\n'],
    ['a.csv: has one line; two at least are wanted, to train and to test', 'x,label\n1,a\n'],
    ['a.csv: has only columns label; no column of a feature', 'label\na\nb\n'],
    ['a.csv: is no UTF-8 text', Uint8Array.of(0x78, 0xff)],
  ])('is refused: %s', async (message, text) => await expect(load(text)).rejects.toThrow(message));
});

describe('lines to predict', () => {
  it('are taken by the names of columns', async () => {
    const file = at('b.csv', 'note,b,a\nfirst,1,2\n');
    const columns = (...names: string[]) => ({ of: 'columns', names }) as const;
    expect((await readCsvInputs(file, columns('a', 'b'))).images).toEqual(Float32Array.of(2, 1));
    await expect(readCsvInputs(file, columns('a', 'c'))).rejects.toThrow(
      'b.csv: has no column c; the network takes a, c',
    );
    await expect(readCsvInputs(file, columns('note'))).rejects.toThrow("b.csv: line 2: note is 'first', which is no");
  });
});
