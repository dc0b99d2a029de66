/**
 * The networks of MLPerf Tiny as `configs/mlperf_tiny.cfg` has them, on a few arrays: learned bits under the budgets there,
 * told by the benchmark's metric.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { elementCount } from '../../src/elementCount.js';
import { npy, zip } from '../arrayFiles.js';
import { mulberry32 } from '../mulberry32.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { succeeds } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = resolve('configs/mlperf_tiny.cfg');

/** Noise; every class is there among inputs to test with. */
function writeInputs(file: string, shape: readonly number[], classes: number): void {
  const random = mulberry32(7);
  const size = elementCount(shape);
  const part = (count: number) => ({
    x: npy(
      [count, ...shape],
      Uint8Array.from({ length: count * size }, () => Math.floor(256 * random())),
    ),
    y: npy(
      [count],
      Uint8Array.from({ length: count }, (_, input) => input % classes),
    ),
  });
  const [train, test] = [part(24), part(classes)];
  const arrays = { 'x_train.npy': train.x, 'y_train.npy': train.y, 'x_test.npy': test.x, 'y_test.npy': test.y };
  writeFileSync(join(folder, file), zip(arrays));
}

it.each([
  ['KEYWORDS', [49, 10, 1], 12, 'best_val_err'],
  ['WAKE_WORDS', [96, 96, 3], 2, 'best_val_err'],
  ['RESNET8_QUARTER', [32, 32, 3], 10, 'best_val_err'],
  ['RESNET8_TAUGHT_QUARTER_A8', [32, 32, 3], 10, 'best_val_err'],
  ['RESNET8_PRUNED_ENDS', [32, 32, 3], 10, 'best_val_err'],
  ['ANOMALIES', [640], 2, 'best_val_auc'],
] as const)('%s', async (section, shape, classes, metric) => {
  const file = `${section}.npz`;
  writeInputs(file, shape, classes);
  const given = [
    '--data',
    `arrays:${file}`,
    '--weights',
    'none',
    '--distill',
    'none',
    '--epochs',
    '2',
    '--batch-size',
    '8',
    '--device',
    'cpu',
  ];
  await succeeds(['train', section, '--cfg', cfg, ...given, '--threads', '1', '--no-plots'], folder);
  const read = (name: string) => JSON.parse(readFileSync(join(folder, 'experiments', section, name), 'utf8'));
  const [summary, { settings }] = [read('summary.json'), read('config.json')];
  expect(summary[metric]).toBeGreaterThanOrEqual(0);
  expect(summary.weights_kb).toBeLessThanOrEqual(settings.target_weight_kbytes);
  if (section !== 'ANOMALIES') {
    expect(summary.activations_max_kb).toBeLessThanOrEqual(settings.target_activation_kbytes);
  }
});
