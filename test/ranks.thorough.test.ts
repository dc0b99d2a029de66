/** Runs that are killed repeatedly, and resumed with another number of ranks each time; means of long vectors. */

import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { killedAtWrite, resultFiles, succeeds, writeTinyConfig } from './cli/runMpdnn.js';
import { compiledPackage } from './compiledSources.js';
import { mpirun, skipsMpi } from './mpirun.js';
import { temporaryFolder } from './temporaryFolder.js';

const folder = temporaryFolder();
writeTinyConfig(folder);

it.skipIf(skipsMpi)('leaves the files of one process that was never stopped', async () => {
  const train = (out: string, ...more: string[]): string[] => [
    ...['train', 'EXTENDED', '--cfg', 'tiny.cfg', '--shards', '4', '--shard-precision', 'bfloat16'],
    ...['--out', out, '--no-plots', ...more],
  ];
  await succeeds(train('alone'), folder);
  // The first checkpoint is that before the first step, the others are behind epochs.
  for (const [size, write, ...resume] of [
    [4, 'checkpoint.safetensors 2'],
    [2, 'checkpoint.safetensors 1', '--resume'],
    [1, 'checkpoint.safetensors 2', '--resume'],
  ] as const) {
    const { code, stderr } = await mpirun([[size, train('killed', ...resume)]], folder, killedAtWrite(write));
    expect(code, stderr).not.toBe(0);
    expect(existsSync(join(folder, 'killed/EXTENDED/summary.json'))).toBe(false);
  }
  const { code, stderr } = await mpirun([[4, train('killed', '--resume')]], folder);
  expect(code, stderr).toBe(0);
  expect(resultFiles(join(folder, 'killed/EXTENDED'))).toEqual(resultFiles(join(folder, 'alone/EXTENDED')));
});

it.skipIf(skipsMpi)('have the means of the tree over their long vectors, which threads of their own sum', async () => {
  const { code, stdout, stderr } = await mpirun([[2, [compiledPackage()]]], folder, {}, resolve('test/longMeans.mjs'));
  expect(code, stderr).toBe(0);
  expect(stdout.split('\n').filter(Boolean).sort()).toEqual(['rank 0: 9 means', 'rank 1: 9 means']);
});
