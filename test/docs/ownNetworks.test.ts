/** The examples of docs/own-networks.md: the file that defines a network, the commands and the program that use it. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { succeeds } from '../cli/runMpdnn.js';
import { installPackage } from '../publishedPackage.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { ownNetworkExamples } from './libraryExamples.js';

const page = readFileSync('docs/own-networks.md', 'utf8');
const folder = temporaryFolder();

/** The words of the page's first commands, without `npx mpdnn`. */
const commands = /^```sh\n([\s\S]*?)^```$/m
  .exec(page)![1]!
  .trim()
  .split('\n')
  .map((line) => line.split(' ').slice(2));

installPackage(folder);
beforeEach(() => {
  for (const [name, code] of ownNetworkExamples()) writeFileSync(join(folder, name), code);
});

it('README has the same example', () => {
  const [block] = /^```js net\.mjs\n[\s\S]*?^```$/m.exec(page)!;
  expect(readFileSync('README.md', 'utf8')).toContain(block);
});

describe('a network of one’s own', () => {
  it('trains on the command line, and is evaluated and exported without its file', async () => {
    const [train, ...others] = commands;
    const trained = await succeeds([...train!, '--device', 'cpu', '--seed', '1', '--no-plots'], folder);
    expect(trained.stdout).toMatch(/^block2\/depthwise1 +\d/m);
    expect(trained.stdout).toContain('in integers, as a device computes: test error');
    rmSync(join(folder, 'net.mjs'));
    for (const command of others) await succeeds(command, folder);
  });

  it('trains as a run of a plan, such as a job of a cluster', async () => {
    writeFileSync(join(folder, 'own.cfg'), '[PLANNED]\nmodel = ./net.mjs\ndata = synthetic:160\nepochs = 1\n');
    await succeeds(['submit', 'PLANNED', '--cfg', 'own.cfg', '--device', 'cpu', '--run', 'PLANNED'], folder);
    expect(existsSync(join(folder, 'experiments/PLANNED/summary.json'))).toBe(true);
  });

  it('is for a table, too', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => [i % 3, i % 7, i % 5, i % 2, `class${i % 3}`].join());
    writeFileSync(join(folder, 'table.csv'), `a,b,c,d,label\n${rows.join('\n')}\n`);
    const call = /^npx mpdnn (train .*table\.csv)$/m.exec(page)![1]!.split(' ');
    const { stdout } = await succeeds([...call, '--epochs', '2', '--device', 'cpu', '--no-plots'], folder);
    expect(stdout).toContain('in integers, as a device computes: test error');
  });

  it('trains and predicts in a program', () => {
    const said = execFileSync(process.execPath, ['train.mjs'], { cwd: folder, encoding: 'utf8' });
    expect(said).toMatch(/^\d+ bits in the first block\n\d+ predictions\n$/);
  });
});
