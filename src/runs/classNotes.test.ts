/** Notes about classes: told of tables and arrays where there are too many to learn, or only one. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npy, zip } from '../../test/arrayFiles.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { experimentFromSettings, type Overrides } from '../settings/index.js';
import { loadExperimentData } from './experimentData.js';

const folder = temporaryFolder();

/** The notes on 20 labels, and the name of the data. */
async function notesOn(
  kind: 'csv' | 'arrays',
  labelOf: (input: number) => number,
  settings: Overrides = {},
  use: 'all' | 'test' = 'all',
): Promise<readonly [notes: readonly string[], source: string]> {
  const labels = Array.from({ length: 20 }, (_, input) => labelOf(input));
  const file = join(folder, kind === 'csv' ? 'a.csv' : 'a.npz');
  const set = (of: readonly number[]) =>
    [npy([of.length, 1], new Float32Array(of.length)), npy([of.length], Int32Array.from(of))] as const;
  const [[x, y], [xTest, yTest]] = [set(labels.slice(0, 16)), set(labels.slice(16))];
  const lines = labels.map((label, line) => `${line},${label},${line < 16 ? 'train' : 'test'}`);
  writeFileSync(
    file,
    kind === 'csv'
      ? `x,target,split\n${lines.join('\n')}\n`
      : zip({ 'x_train.npy': x, 'y_train.npy': y, 'x_test.npy': xTest, 'y_test.npy': yTest }),
  );
  const source = `${kind}:${file}`;
  const experiment = experimentFromSettings('A', 'a.cfg', { data: source, ...settings });
  return [(await loadExperimentData(experiment, () => {}, use)).notes, source];
}

it('more classes than half of the inputs are told, with what they may be', async () => {
  const [ofTable, table] = await notesOn('csv', (line) => 251734 + Math.min(line, 10), { limit_train: 9 });
  expect(ofTable).toEqual([`NOTE: ${table}: 11 classes in 20 lines; numbers to be put out are for --loss values`]);
  const [ofArrays, arrays] = await notesOn('arrays', (input) => 19 - input);
  expect(ofArrays).toContain(`NOTE: ${arrays}: 20 classes in 20 inputs; numbers to be put out are for --loss values`);
});

it.each(['csv', 'arrays'] as const)('one class of all inputs of %s is told', async (kind) => {
  const [notes, source] = await notesOn(kind, () => 0);
  expect(notes).toEqual([
    `NOTE: ${source}: all 16 training ${kind === 'csv' ? 'lines' : 'inputs'} are of class 0; nothing to tell apart`,
  ]);
});

it('nothing is told of fewer classes, of numbers, and of an evaluation', async () => {
  expect((await notesOn('csv', (line) => line % 10))[0]).toEqual([]);
  expect((await notesOn('csv', (line) => line % 3, { loss: 'values' }))[0]).toEqual([]);
  expect((await notesOn('csv', (line) => line, {}, 'test'))[0]).toEqual([]);
});
