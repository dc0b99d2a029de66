/** Equal seeds give equal files: with any number of threads, and with interruptions of every kind in between. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readLiveLine } from '../../src/live/liveFormat.js';
import { readSafetensors } from '../../src/weights/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { isThorough, tierOf } from '../tier.js';
import { killedAtWrite, mpdnn, mpdnnProcess, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const weights = join(folder, 'start', 'FLOAT', 'params_best.safetensors');
const data = 'synthetic:160';
/** The files that the experiments need beside the data. */
const options: Readonly<Record<string, readonly string[]>> = {
  BUDGET: ['--weights', weights],
  GUARANTEED: ['--weights', weights, '--distill', join(folder, 'start', 'FLOAT')],
  PER_CHANNEL: ['--weights', weights],
  ADAM: ['--select', 'validation', '--validation-split', '16'],
};

function call(name: string, out: string, ...more: string[]): string[] {
  return ['train', name, '--cfg', cfg, '--data', data, '--out', out, '--no-plots', ...(options[name] ?? []), ...more];
}

function positionOf(run: string): { epoch: number; batch: number } {
  const { metadata } = readSafetensors(join(folder, run, 'checkpoint.safetensors'));
  return JSON.parse(metadata.state ?? '') as { epoch: number; batch: number };
}

/** Each line of live.jsonl begins where the previous one ended, so that none is missing. */
function expectEveryBatchOnce(run: string): void {
  const [first, ...lines] = readFileSync(join(run, 'live.jsonl'), 'utf8').trimEnd().split('\n');
  expect(first).toMatch(/^{"type":"run",/);
  const told = lines.map((line) => readLiveLine(line, run));
  const steps = told.flatMap((line) => (line?.type === 'step' ? [line] : []));
  expect(steps.map(({ step }) => step)).toEqual([...new Set(steps.map(({ step }) => step))].sort((a, b) => a - b));
  expect(steps.filter(({ batch, batches }) => batch === batches).map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  expect(told.flatMap((line) => (line?.type === 'epoch' ? [line.epoch] : []))).toEqual([1, 2, 3]);
}

beforeAll(async () => {
  await succeeds(['train', 'FLOAT', '--cfg', cfg, '--out', 'start', '--no-plots'], folder);
});

const experiments = ['BUDGET', 'GUARANTEED', 'ADAM', 'EXTENDED', 'PER_CHANNEL'];

describe.each(tierOf(experiments, (name) => ['GUARANTEED', 'ADAM', 'PER_CHANNEL'].includes(name)))('%s', (name) => {
  const wanted = join(folder, 'whole', name);

  beforeAll(async () => {
    await succeeds(call(name, 'whole', '--threads', '1'), folder);
  });

  it('gives the same files with two threads', async () => {
    await succeeds(call(name, 'threads', '--threads', '2'), folder);
    expect([...resultFiles(wanted).keys()]).toEqual([
      'params_best.safetensors',
      'params_last.safetensors',
      'quantizers.csv',
      'results.csv',
      'sizes.csv',
      'test_accs_q.csv',
      'test_losses_q.csv',
      'train_accs_q.csv',
      'train_losses_q.csv',
    ]);
    expect(resultFiles(join(folder, 'threads', name))).toEqual(resultFiles(wanted));
  });

  it('gives the same files after Ctrl-C in the first epoch and in the second', async () => {
    const out = 'interrupted';
    const run = join(out, name);
    const inFirst = await mpdnn(call(name, out), folder, { ctrlC: { after: 'tiny  1', turns: 4 } });
    expect(inFirst, inFirst.stderr).toMatchObject({ code: 130, stdout: '' });
    expect(positionOf(run).epoch).toBe(0);
    expect(positionOf(run).batch).toBeGreaterThan(1);
    const printed = /interrupted; go on with: (?:npx )?mpdnn (train .*)\n$/.exec(inFirst.stderr)?.[1]?.split(' ') ?? [];
    expect(printed).toContain('--resume');
    const goOn = [...printed, '--threads', '2'];
    const inSecond = await mpdnn(goOn, folder, { ctrlC: { after: 'epoch 1/3', turns: 4 } });
    expect(inSecond, inSecond.stderr).toMatchObject({ code: 130, stdout: '' });
    expect(positionOf(run).epoch).toBe(1);
    expect(positionOf(run).batch).toBeGreaterThan(1);
    const { stderr } = await succeeds(['eval', run, '--last'], folder);
    expect(stderr).toContain(`NOTE: ${run} has not finished, 1 of 3 epochs have ended\n`);
    await succeeds(call(name, out, '--resume'), folder);
    expect(resultFiles(join(folder, run))).toEqual(resultFiles(wanted));
    expectEveryBatchOnce(join(folder, run));
  });

  it.runIf(name === 'GUARANTEED' || (name === 'ADAM' && isThorough))(
    'gives the same files after kill -9 in the middle of a write',
    async () => {
      const out = 'killed';
      const killed = async (at: string, ...more: string[]) => {
        const outcome = await mpdnnProcess(call(name, out, ...more), folder, { env: killedAtWrite(at) });
        expect(outcome, outcome.stderr).toMatchObject({ code: null, stdout: '' });
        return positionOf(join(out, name));
      };
      // A run's folder comes with its first checkpoint: written within it is that behind the first epoch.
      expect(await killed('checkpoint.safetensors 1')).toMatchObject({ epoch: 0, batch: 0 });
      expect(await killed('params_last.safetensors 1', '--resume')).toMatchObject({ epoch: 0, batch: 0 });
      expect(await killed('checkpoint.safetensors 2', '--resume')).toMatchObject({ epoch: 1, batch: 0 });
      const often = ['--resume', '--checkpoint-minutes', '0.000001'];
      expect(await killed('checkpoint.safetensors 4', ...often)).toMatchObject({ epoch: 1, batch: 3 });
      await succeeds(call(name, out, '--resume'), folder);
      expect(resultFiles(join(folder, out, name))).toEqual(resultFiles(wanted));
    },
  );
});

it('a finished run resumes to the same end', async () => {
  const run = join(folder, 'start', 'FLOAT');
  const before = resultFiles(run);
  await succeeds(['train', 'FLOAT', '--cfg', cfg, '--out', 'start', '--no-plots', '--resume'], folder);
  expect(resultFiles(run)).toEqual(before);
});

it('an interruption before training leaves nothing', async () => {
  const interruption = { after: 'starts from', signal: 'SIGINT' } as const;
  const { code } = await mpdnnProcess(call('BUDGET', 'early', '--epochs', '100000'), folder, { interruption });
  // The signal may come too late, when the run has begun: then there is a checkpoint.
  expect(code).toBe(130);
  const run = join(folder, 'early', 'BUDGET');
  expect(existsSync(run)).toBe(existsSync(join(run, 'checkpoint.safetensors')));
});
