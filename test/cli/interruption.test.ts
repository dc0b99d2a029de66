/** Equal seeds give equal files: with any number of threads, and with interruptions of every kind in between. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/weights/index.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { type Interruption, mpdnnProcess, resultFiles, succeeds, writeTinyConfig } from './runMpdnn.js';

const folder = temporaryFolder();
const cfg = writeTinyConfig(folder);
const weights = join(folder, 'start', 'FLOAT', 'params_best.safetensors');
const data = 'synthetic:160';
/** What the experiments need beside the data. */
const options: Readonly<Record<string, readonly string[]>> = {
  BUDGET: ['--weights', weights],
  GUARANTEED: ['--weights', weights],
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

beforeAll(async () => {
  await succeeds(['train', 'FLOAT', '--cfg', cfg, '--out', 'start', '--no-plots'], folder);
});

describe.each(['BUDGET', 'GUARANTEED', 'ADAM', 'EXTENDED', 'PER_CHANNEL'])('%s', (name) => {
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

  it('gives the same files after interruptions', async () => {
    const out = 'interrupted';
    const run = join(out, name);
    const interrupted = (interruption: Interruption, ...more: string[]) =>
      mpdnnProcess(call(name, out, ...more), folder, { interruption });

    const atFirst = await interrupted({ after: 'resnet20  1', delayMs: 60, signal: 'SIGKILL' });
    expect(atFirst.code).toBeNull();
    expect(positionOf(run)).toMatchObject({ epoch: 0, batch: 0 });

    // On a busy machine the first step may take longer.
    let midFirst = await interrupted({ after: 'resnet20  1', delayMs: 100, signal: 'SIGINT' }, '--resume');
    for (let delayMs = 200; positionOf(run).batch === 0 && delayMs <= 1600; delayMs *= 2) {
      midFirst = await interrupted({ after: 'resnet20  1', delayMs, signal: 'SIGINT' }, '--resume');
    }
    expect(midFirst, midFirst.stderr).toMatchObject({ code: 130, stdout: '' });
    const printed = /interrupted; go on with: node \S+ (train .*)\n$/.exec(midFirst.stderr)?.[1]?.split(' ') ?? [];
    expect(printed).toContain('--resume');
    expect(positionOf(run)).toMatchObject({ epoch: 0 });
    expect(positionOf(run).batch).toBeGreaterThan(0);

    const goOn = [...printed, '--threads', '2'];
    const afterFirst = await mpdnnProcess(goOn, folder, { interruption: { after: 'epoch 1/3', signal: 'SIGKILL' } });
    expect(afterFirst.code).toBeNull();
    expect(positionOf(run)).toMatchObject({ epoch: 1, batch: 0 });

    const midThird = await interrupted({ after: 'epoch 2/3', delayMs: 60, signal: 'SIGKILL' }, '--resume');
    expect(midThird.code).toBeNull();
    expect(positionOf(run)).toMatchObject({ epoch: 2, batch: 0 });

    await succeeds(call(name, out, '--resume'), folder);
    expect(resultFiles(join(folder, run))).toEqual(resultFiles(wanted));
  });

  it.runIf(name === 'ADAM')(
    'checkpoints within an epoch change nothing, and a killed run goes on from them',
    async () => {
      const run = join('often', name);
      const killed = (delayMs: number, ...more: string[]) => {
        const args = call(name, 'often', '--checkpoint-minutes', '0.000001', ...more);
        return mpdnnProcess(args, folder, { interruption: { after: 'resnet20  1', delayMs, signal: 'SIGKILL' } });
      };
      await killed(200);
      for (let delayMs = 400; positionOf(run).batch === 0 && delayMs <= 3200; delayMs *= 2)
        await killed(delayMs, '--resume');
      expect(positionOf(run).batch).toBeGreaterThan(0);
      await succeeds(call(name, 'often', '--resume', '--checkpoint-minutes', '3'), folder);
      expect(resultFiles(join(folder, run))).toEqual(resultFiles(wanted));
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
  const { code } = await mpdnnProcess(call('BUDGET', 'early'), folder, { interruption });
  // The signal may come an instant too late, when the run has begun: then there is a checkpoint.
  expect(code).toBe(130);
  const run = join(folder, 'early', 'BUDGET');
  expect(existsSync(run)).toBe(existsSync(join(run, 'checkpoint.safetensors')));
});
