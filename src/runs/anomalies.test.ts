/** Anomalies: the normal class comes first wherever its name sorts, and is told; earlier runs keep their order. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { npy, zip } from '../../test/arrayFiles.js';
import { temporaryFolder } from '../../test/temporaryFolder.js';
import { type Images, isStream } from '../data/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { describeData } from '../train/dataDescription.js';
import { dataDifference } from '../train/dataDifference.js';
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

it('inputs without labels are normal, whatever the order of names', async () => {
  const file = join(folder, 'unlabelled.npz');
  const [x, y] = [npy([2, 1], Float32Array.of(1, 2)), npy([2], Uint8Array.of(0, 1))];
  const names = npy([2], Buffer.from('anomalynormal\0'), "{'descr': '|S7', 'fortran_order': False, 'shape': (2,), }");
  const arrays = { 'x_train.npy': x, 'x_val.npy': x, 'x_test.npy': x, 'y_test.npy': y, 'class_names.npy': names };
  writeFileSync(file, zip(arrays));
  const source = `arrays:${file}`;
  const { train, validation, test, notes } = await loadExperimentData(
    experimentFromSettings('A', 'a.cfg', { data: source, ...anomalies, select: 'validation' }),
    () => {},
  );
  expect([train, validation!, test].map(labelsOf)).toEqual([
    [0, 0],
    [0, 0],
    [1, 0],
  ]);
  expect(notes).toEqual([`NOTE: ${source}: class normal is normal, all others are anomalies`]);
});

it('a run is evaluated and measured in its own order, which is told where it is another', async () => {
  const source = table('normal', 'anomaly');
  const onlyAnomalies = join(folder, 'anomalies.csv');
  writeFileSync(onlyAnomalies, 'x,class,split\n1,anomaly,train\n2,anomaly,test\n');
  const trainedWith = async (metric: 'auc' | 'mse') => {
    const trained = experimentOf(source, metric);
    return describeData(trained, await loadExperimentData(trained, () => {}));
  };
  const evaluated = async (metric: 'auc' | 'mse', given = source) => {
    const lines: string[] = [];
    const folderOf = { root: 'runs/A', config: '', paramsBest: '', paramsLast: '' };
    const config = { experiment: 'A', settings: {}, definition: null, data: await trainedWith(metric) };
    const events = { task: () => {}, line: (text: string) => lines.push(text) };
    const overrides = new Map(given === source ? [] : [['data', given]]);
    const asked = { ...experimentOf(given), overrides };
    const { classes, test } = await loadEvaluationData(asked, { folder: folderOf, config }, events);
    return [classes, labelsOf(test), lines];
  };
  expect(await evaluated('auc')).toEqual([['normal', 'anomaly'], [0, 1], []]);
  expect(await evaluated('auc', `csv:${onlyAnomalies}`)).toEqual([['normal', 'anomaly'], [1], []]);
  // The order of classes of earlier versions.
  const told = ['NOTE: runs/A: class anomaly is normal, all others are anomalies'];
  expect(await evaluated('mse')).toEqual([['anomaly', 'normal'], [1, 0], told]);
  const earlier = await trainedWith('mse');
  const measured = await loadExperimentData(experimentOf(source), () => {}, 'all', earlier);
  expect(dataDifference(earlier, describeData(experimentOf(source), measured))).toBeNull();
});
