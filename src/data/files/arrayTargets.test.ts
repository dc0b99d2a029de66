/** Answers that are more than a class an input: what is read, what is refused in a line. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { npy, zip } from '../../../test/arrayFiles.js';
import { temporaryFolder } from '../../../test/temporaryFolder.js';
import { classification, type LossKind, type Task, usualMetric } from '../../task.js';
import { fingerprint } from '../fingerprint.js';
import { choose, joined, targetLength } from '../imageSet.js';
import { loadArrays } from './arrays.js';
import { loadCsv } from './csv.js';
import { loadDataset } from './loadDataset.js';

const folder = temporaryFolder();
const file = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(path.join(folder, name), bytes);
  return path.join(folder, name);
};
const taskOf = (loss: LossKind, target: Task['target'] = 'data'): Task => ({ loss, target, metric: usualMetric[loss] });
const x = npy([3, 1, 2, 1], Uint8Array.of(1, 2, 3, 4, 5, 6));
const arrays = (y: Uint8Array | null, task: Task, more: Readonly<Record<string, Uint8Array>> = {}) =>
  loadArrays(
    file('a.npz', zip({ 'x_train.npy': x, 'x_test.npy': x, ...(y && { 'y_train.npy': y, 'y_test.npy': y }), ...more })),
    false,
    task,
  );

describe('arrays', () => {
  it('of numbers, labels and classes of pixels are targets', async () => {
    const numbers = await arrays(npy([3, 2], Float64Array.of(0.5, -1, 2, 3, 4, 5)), taskOf('values'));
    expect(numbers.train.targets).toEqual({ values: Float32Array.of(0.5, -1, 2, 3, 4, 5), shape: [2] });
    expect([numbers.classes, numbers.train.labels]).toEqual([['0', '1'], new Int32Array(3)]);
    expect((await arrays(npy([3], Int16Array.of(1, 2, 3)), taskOf('values'))).test.targets!.shape).toEqual([1]);

    const labels = await arrays(npy([3, 2], Int8Array.of(1, 0, -1, 1, 0, 0)), taskOf('labels'));
    expect(labels.test.targets).toEqual({ values: Float32Array.of(1, 0, -1, 1, 0, 0), shape: [2] });

    const maps = await arrays(npy([3, 1, 2], Uint8Array.of(0, 2, 255, 1, 0, 0)), taskOf('pixels'));
    expect(maps.train.targets).toEqual({ values: Int32Array.of(0, 2, -1, 1, 0, 0), shape: [1, 2] });
    expect(maps.classes).toEqual(['0', '1', '2']);
  });

  it('of an autoencoder need no answers, and may have groups', async () => {
    const task = taskOf('values', 'input');
    expect((await arrays(null, task)).train.targets).toBeUndefined();
    const labelled = await arrays(npy([3], Uint8Array.of(0, 0, 1)), task, {
      'group_test.npy': npy([3], Int32Array.of(7, 7, 9)),
    });
    expect([labelled.test.labels, labelled.test.groups]).toEqual([Int32Array.of(0, 0, 1), Int32Array.of(7, 7, 9)]);
  });

  it.each<[string, LossKind, Uint8Array]>([
    ['y_test: value 1 is NaN; targets are finite', 'values', npy([3], Float32Array.of(1, Number.NaN, 1))],
    ['y_test: is of 2 inputs, there are 3', 'values', npy([2], Float32Array.of(1, 2))],
    ['y_test: is 3; loss = labels wants [count, labels] of 1 and 0', 'labels', npy([3], Uint8Array.of(1, 0, 1))],
    ['y_test: value 2 is 2; labels are 1, 0, or -1', 'labels', npy([3, 1], Uint8Array.of(1, 0, 2))],
    ['y_test: is 3x2; loss = pixels wants [count, height, width]', 'pixels', npy([3, 2], new Uint8Array(6))],
    ['y_test: loss = pixels wants integers', 'pixels', npy([3, 1, 2], new Float32Array(6))],
    ['y_test: pixel 1 is -2; classes are numbered from 0 on', 'pixels', npy([3, 1, 1], Int8Array.of(0, -2, 1))],
  ])('are refused: %s', async (message, loss, y) => {
    await expect(arrays(y, taskOf(loss))).rejects.toThrow(message);
  });

  it('are chosen, joined and told apart with their targets', async () => {
    const { train } = await arrays(npy([3, 2], Float64Array.of(0, 1, 2, 3, 4, 5)), taskOf('values'));
    const part = choose(train, Int32Array.of(2, 0));
    expect(part.targets!.values).toEqual(Float32Array.of(0, 1, 4, 5));
    expect(joined([part, train]).targets!.values).toEqual(Float32Array.of(0, 1, 4, 5, 0, 1, 2, 3, 4, 5));
    expect(targetLength(part.targets!)).toBe(2);
    const other = { ...train, targets: { ...train.targets!, values: Float32Array.of(9, 1, 2, 3, 4, 5) } };
    expect(fingerprint(other)).not.toBe(fingerprint(train));
  });
});

describe('tables', () => {
  const table = (text: string, task: Task) => loadCsv(file('a.csv', text), 1, false, task);

  it('have columns of numbers or of labels', async () => {
    const numbers = await table('a,target_x,target_y,split\n1,2,3,train\n4,5,6,test\n', taskOf('values'));
    expect([numbers.classes, numbers.test.targets!.values]).toEqual([['x', 'y'], Float32Array.of(5, 6)]);
    expect(numbers.test.images).toEqual(Float32Array.of(4));
    const labels = await table('a,label_big,label_red,split\n1,0,1,train\n4,-1,0,test\n', taskOf('labels'));
    expect([labels.classes, labels.test.targets!.values]).toEqual([['big', 'red'], Float32Array.of(-1, 0)]);
    const plain = await table('a,b,split\n1,2,train\n3,4,test\n', taskOf('values', 'input'));
    expect([plain.test.channels, plain.test.targets]).toEqual([2, undefined]);
  });

  it.each<[string, LossKind, string]>([
    ['loss = values wants some called target, or target_NAME', 'values', 'a,label\n1,2\n3,4\n'],
    ['line 3: label_b is 2; labels are 1, 0, or -1', 'labels', 'a,label_b\n1,1\n3,2\n'],
    ["line 2: target is 'x', which is no finite number", 'values', 'a,target\n1,x\n3,2\n'],
  ])('are refused: %s', async (message, loss, text) => {
    await expect(table(text, taskOf(loss))).rejects.toThrow(message);
  });
});

it('other data have classes alone', async () => {
  const load = (task: Task) => loadDataset({ kind: 'synthetic', count: 10 }, { seed: 1, task });
  await expect(load(taskOf('values'))).rejects.toThrow(
    'data = synthetic has no such targets; right would be arrays:FILE',
  );
  expect((await load(taskOf('values', 'input'))).train.count).toBe(10);
  expect((await load(classification)).train.count).toBe(10);
});
