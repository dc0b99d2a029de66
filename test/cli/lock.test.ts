/** One process trains in a run folder, in every combination of the commands that do; the others say who it is. */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../temporaryFolder.js';
import { tierOf } from '../tier.js';
import { compiledProgram, listing, mpdnn, mpdnnProcess, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
/** Enough epochs that they do not end while the others are refused. */
const long = [
  ...['--model', 'tiny', '--data', 'synthetic:32', '--batch-size', '16', '--epochs', '100000'],
  ...['--device', 'cpu', '--threads', '1'],
];

/** The float network as `reproduce` trains it, in a file in which keys that have no effect may stand. */
const cfgOfTable = join(folder, 'table.cfg');
writeFileSync(cfgOfTable, '[DEFAULT]\nw_stepsize = published\na_stepsize = published\nnormalise = symmetric\n');
const train = (out: string, ...more: string[]) => [
  ...['train', 'DEFAULT', '--cfg', cfgOfTable, '--no-plots', '--seed', '0', '--select', 'validation'],
  ...['--validation-split', '8', ...long, '--out', join(out, 'seed-0'), ...more],
];
const reproduce = (out: string) => [
  ...['reproduce', 'cifar10', '--only', 'float', '--validation-split', '8', '--seeds', '0', ...long, '--out', out],
];
const commands: Readonly<Record<string, (out: string) => string[]>> = {
  train,
  'train --resume': (out) => train(out, '--resume'),
  'train --force': (out) => train(out, '--force'),
  reproduce,
};

let owner: ChildProcess | null = null;
afterEach(async () => {
  if (owner) await killed(owner);
  owner = null;
});

/** Starts a long run and waits until it has trained some epochs. */
async function started(args: readonly string[], run: string): Promise<ChildProcess> {
  const before = config(run);
  const child = spawn(process.execPath, [compiledProgram(), ...args], { cwd: folder, stdio: 'ignore' });
  const old = args.includes('--resume') ? rows(run).length : 0;
  const isReplaced = () => !args.includes('--force') || config(run) !== before;
  while (!isReplaced() || rows(run).length < old + 2) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    await sleep(20);
  }
  return child;
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  while (child.exitCode === null && child.signalCode === null) await sleep(5);
}

/** Another one where the run folder is another one. */
function config(run: string): number {
  return statSync(join(folder, run, 'config.json'), { throwIfNoEntry: false })?.ino ?? 0;
}

/** The locks below a folder, and their owners. */
function lockFiles(out: string): string[] {
  return listing(join(folder, out)).filter((name) => name.includes('.lock'));
}

/** The epochs in results.csv. */
function rows(run: string): number[] {
  const path = join(folder, run, 'results.csv');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.slice(1, -1).map((line) => Number(line.split(',')[0]));
}

describe.each(tierOf(Object.keys(commands), (name) => name === 'train'))('while %s goes on', (first) => {
  it('every other is refused by the number of its process; after kill -9 the run goes on', async () => {
    const out = first.replaceAll(' ', '');
    const run = join(out, 'seed-0/DEFAULT');
    if (first.includes('--')) await killed(await started(train(out), run));
    owner = await started(commands[first]!(out), run);
    const before = lockFiles(out);
    for (const second of Object.values(commands)) {
      const { code, stdout, stderr } = await mpdnn(second(out), folder);
      expect(stderr).toMatch(new RegExp(`^mpdnn: [^\\n]*: process ${owner.pid} on [^\\n]*\\n$`));
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    }
    expect(lockFiles(out)).toEqual(before);
    expect(owner.exitCode).toBe(null);
    await killed(owner);
    expect(rows(run)).toEqual(rows(run).map((_, index) => index + 1));

    const goingOn = first === 'reproduce' ? reproduce(out) : train(out, '--resume');
    const done = rows(run).length;
    const interruption = { after: () => rows(run).length > done, signal: 'SIGINT' } as const;
    const outcome = await mpdnnProcess(goingOn, folder, { interruption });
    expect(outcome, outcome.stderr).toMatchObject({ code: 130 });
    expect(outcome.stderr).toMatch(new RegExp(`taken over from process ${owner.pid} on `));
    expect(lockFiles(out)).toEqual([]);
  });
});

it('holds while pictures are drawn', async () => {
  let locks: string[] = [];
  vi.doMock('../../src/report/index.js', () => ({
    plotRun: async () => {
      locks = lockFiles('drawn');
    },
  }));
  await succeeds(['train', 'FLOAT', '--cfg', cfg, '--out', 'drawn'], folder);
  vi.doUnmock('../../src/report/index.js');
  expect(locks).toContainEqual(expect.stringMatching(/^\.FLOAT\.lock/));
  expect(lockFiles('drawn')).toEqual([]);
});

it('of several that begin at once one trains', async () => {
  const args = ['train', 'FLOAT', '--cfg', cfg, '--out', 'race', '--no-plots'];
  const outcomes = await Promise.all([1, 2, 3].map(() => mpdnnProcess(args, folder)));
  expect(outcomes.map(({ code }) => code).sort()).toEqual([0, 2, 2]);
  for (const { stderr } of outcomes.filter(({ code }) => code === 2))
    expect(stderr).toMatch(/trains in it|exists already/);
  expect(rows('race/FLOAT')).toEqual([1]);
  await succeeds([...args, '--resume'], folder);
});

it('eight racers, three of which die as owners, are never inside together', async () => {
  const module = join(compiledProgram(), '../../runs/lock.js');
  const root = join(folder, 'racers/A');
  const race = async (diesAfter: number) => {
    const args = [resolve('test/cli/lockRacer.mjs'), module, root, '25', String(diesAfter)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk;
      });
    }
    await new Promise((done) => child.on('close', done));
    return output;
  };
  const [dead, living] = [
    [2, 4, 6],
    [0, 0, 0, 0, 0],
  ];
  const outputs = await Promise.all([...dead, ...living].map(race));
  expect(outputs.slice(0, 3)).toEqual(['', '', '']);
  expect(outputs.slice(3)).toEqual(living.map(() => '25'));
  expect(readdirSync(join(root, '..'))).toEqual([]);
});
