/**
 * One run on several processes, started by the `mpirun` of Open MPI: the files of one process. That they go on after kills,
 * on any number of ranks, is in `ranks.thorough.test.ts`.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { joinRanks } from '../src/ranks/joinRanks.js';
import { rankCommand, runRanks, thisMachine } from '../src/ranks/startRanks.js';
import { compiledProgram, mpdnn, resultFiles, succeeds, writeTinyConfig } from './cli/runMpdnn.js';
import { mpirun, skipsMpi } from './mpirun.js';
import { temporaryFolder } from './temporaryFolder.js';

const folder = temporaryFolder();
writeTinyConfig(folder);

const train = (out: string, ...more: string[]): string[] => [
  ...['train', 'EXTENDED', '--cfg', 'tiny.cfg', '--shards', '4', '--out', out, '--no-plots', ...more],
];

describe.skipIf(skipsMpi)('a run on several ranks', () => {
  const wanted = () => resultFiles(join(folder, 'alone/EXTENDED'));

  beforeAll(async () => {
    await succeeds(train('alone'), folder);
  });

  it('leaves the files of one process, and says what it does once', async () => {
    const run = await mpirun([[4, train('four')]], folder);
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(resultFiles(join(folder, 'four/EXTENDED'))).toEqual(wanted());
    expect(run.stderr.match(/^epoch +1\/3 /gm)).toHaveLength(1);
    expect(run.stdout.match(/^best test error /gm)).toHaveLength(1);
  });

  it('is refused before its first step where the ranks differ', async () => {
    const calls = [[1, train('differing')] as const, [1, train('differing', '--seed', '1')] as const];
    const { code, stderr } = await mpirun(calls, folder);
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(/^mpdnn: differing\/EXTENDED: rank 1 of 2 has other settings than rank 0; all have to /m);
    expect(existsSync(join(folder, 'differing'))).toBe(false);
  });
});

const { unshare } = thisMachine();

/** Files stand for cards; where the system lets nobody hide files there is nothing to start. */
describe.skipIf(skipsMpi || unshare === null)('ranks that are started by a process, one a card', () => {
  const cards = ['card0', 'card1'].map((name) => join(folder, name));
  for (const card of cards) writeFileSync(card, '');
  const run = (command: readonly string[]) =>
    runRanks(rankCommand(2, command, { cards, unshare, isConstrained: false }), ['SIGUSR1'], 130);
  const shell = (script: string) => run(['sh', '-c', script]);
  it('see one card each, also where there is no ssh to reach other machines with', async () => {
    vi.stubEnv('OMPI_MCA_plm_rsh_agent', 'no-such-program');
    const seen = join(folder, 'seen');
    const ownCards = cards.map((card) => `if test -f ${card}; then echo $OMPI_COMM_WORLD_RANK ${card} >> ${seen}; fi`);
    expect(await shell(ownCards.join('; '))).toBe(0);
    expect(readFileSync(seen, 'utf8').trim().split('\n').sort()).toEqual(cards.map((card, rank) => `${rank} ${card}`));
    vi.unstubAllEnvs();
  });

  it('leave a checkpoint when this process is asked to end', async () => {
    const root = join(folder, 'endless/EXTENDED');
    const words = train(join(folder, 'endless'), '--cfg', join(folder, 'tiny.cfg'), '--epochs', '100000');
    const asking = setInterval(() => {
      if (!existsSync(root)) return;
      clearInterval(asking);
      process.emit('SIGUSR1', 'SIGUSR1');
    }, 20);
    expect(await run([process.execPath, compiledProgram(), ...words]).finally(() => clearInterval(asking))).toBe(130);
    expect(existsSync(join(root, 'checkpoint.safetensors'))).toBe(true);
    expect(existsSync(join(root, 'summary.json'))).toBe(false);
  });

  it('end together when one of them has been killed', async () => {
    expect(await shell('test $OMPI_COMM_WORLD_RANK = 0 && exec sleep 1000; kill -KILL $$')).toBe(128 + 9);
  });

  it('have the exit code of the one that fails', async () => {
    expect(await shell('test $OMPI_COMM_WORLD_RANK = 0 && exec sleep 1000; exit 2')).toBe(2);
  });
});

describe('several cards', () => {
  it.each([
    // No machine of tests has so many.
    [
      ['--shards', '16', '--gpus', '16'],
      /^mpdnn: --gpus 16: (no card of NVIDIA was found|only .* can be used) here; .*\n$/,
    ],
    [
      ['--gpus', '8'],
      /^mpdnn: --gpus 8: .*shards = 4: 8 processes cannot share them; set shards = 8 or a larger power of two\n$/,
    ],
    [['--gpus', '0'], /^mpdnn: option '--gpus <n>' argument '0' is invalid. give a whole number from 1 on\n$/],
    [['--gpus', '2', '--device', 'cpu'], /^mpdnn: --gpus 2: goes with --device gpu, not cpu; leave out --device\n$/],
  ])('are refused in one line with %j', async (words, message) => {
    expect(await mpdnn(train('never', ...words), folder)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(message),
    });
    expect(existsSync(join(folder, 'never'))).toBe(false);
  });
});

it('cards are refused by name where no section says in how many parts batches are', async () => {
  expect(await mpdnn(['train', '--data', 'synthetic:200', '--gpus', '2'], folder)).toMatchObject({
    code: 2,
    stderr: 'mpdnn: --gpus 2: --shards = 1: 2 processes cannot share them; set shards = 2 or a larger power of two\n',
  });
});

describe('joining', () => {
  it('is nothing for a process alone', async () => {
    expect(await joinRanks({})).toMatchObject({ rank: 0, size: 1 });
    expect(await joinRanks({ OMPI_COMM_WORLD_SIZE: '1' })).toMatchObject({ rank: 0, size: 1 });
  });

  it.each([
    [{ OMPI_COMM_WORLD_SIZE: '3' }, '3 processes: shards are shared by a power of two of processes'],
    [{ PMI_SIZE: '2' }, 'another MPI than Open MPI has started this'],
  ])('is refused with %j', async (env, message) => {
    await expect(joinRanks(env)).rejects.toThrow(message);
  });
});
