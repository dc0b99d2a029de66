/** Anomalies: the normal class comes first wherever its name sorts, and is told; earlier runs keep their order. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npy, zip } from '../../test/arrayFiles.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { type Images, isStream } from '../data/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { describeData } from '../train/dataDescription.js';
import { loadEvaluationData } from './evaluationData.js';
import { loadExperimentData } from './experimentData.js';

const folder = temporaryFolder();
const anomalies = { loss: 'values', target: 'input', metric: 'auc' } as const;
const experimentOf = (data: string, metric: 'auc' | 'mse' = 'auc') =>
  experimentFromSettings('A', 'a.cfg', { data, ...anomalies, metric });

const labelsOf = (images: Images) => [...(isStream(images) ? [] : images.labels)];

/** A table with three lines to train and two to test, the first of them normal. */
function table(normal: string, other: string): string {
  const file = join(folder, `${normal}.csv`);
  const lines = [`1,${normal},train`, `2,${normal},train`, `9,${other},train`, `3,${normal},test`, `8,${other},test`];
  writeFileSync(file, `x,class,split\n${lines.join('\n')}\n`);
  return `csv:${file}`;
}

const load = (data: string) => loadExperimentData(experimentOf(data), () => {});

it.each([
  ['normal', 'anomaly', 'normal'],
  ['Normal', 'Broken', 'Normal'],
  ['normal', 'worn', 'normal'],
  ['good', 'worn', 'good'],
  // Only its name says that a class is normal.
  ['ok', 'broken', 'broken'],
])('of lines of %s and %s class %s is normal', async (usual, other, normal) => {
  const source = table(usual, other);
  const { classes, test, notes } = await load(source);
  expect(classes[0]).toBe(normal);
  expect(labelsOf(test).map((label) => classes[label])).toEqual([usual, other]);
  const trained = normal === usual ? 1 : 2;
  expect(notes).toEqual([
    `NOTE: ${source}: class ${normal} is normal, all others are anomalies`,
    `NOTE: ${source}: ${trained} of 3 training inputs are anomalies, which train as normal inputs do`,
  ]);
});

it('classes keep their order where no anomalies are told', async () => {
  const { classes, notes } = await loadExperimentData(experimentOf(table('normal', 'anomaly'), 'mse'), () => {});
  expect([classes, notes]).toEqual([['anomaly', 'normal'], []]);
});

it('inputs of one class have nothing to tell', async () => {
  const file = join(folder, 'a.npz');
  const [x, y] = [npy([2, 1], Float32Array.of(1, 2)), npy([2], Uint8Array.of(0, 0))];
  writeFileSync(file, zip({ 'x_train.npy': x, 'y_train.npy': y, 'x_test.npy': x, 'y_test.npy': y }));
  expect((await load(`arrays:${file}`)).notes).toEqual([]);
});

it('a run is evaluated in its own order, which is told where it is another', async () => {
  const source = table('normal', 'anomaly');
  const evaluated = async (metric: 'auc' | 'mse') => {
    const trained = experimentOf(source, metric);
    const data = describeData(trained, await loadExperimentData(trained, () => {}));
    const lines: string[] = [];
    const folderOf = { root: 'runs/A', config: '', paramsBest: '', paramsLast: '' };
    const run = { folder: folderOf, config: { experiment: 'A', settings: {}, definition: null, data } };
    const events = { task: () => {}, line: (text: string) => lines.push(text) };
    const { classes, test } = await loadEvaluationData(experimentOf(source), run, events);
    return [classes, labelsOf(test), lines];
  };
  expect(await evaluated('auc')).toEqual([['normal', 'anomaly'], [0, 1], []]);
  // The order of classes of earlier versions.
  const told = ['NOTE: runs/A: class anomaly is normal, all others are anomalies'];
  expect(await evaluated('mse')).toEqual([['anomaly', 'normal'], [1, 0], told]);
});
