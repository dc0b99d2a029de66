/** Runs sent to a real Slurm of one node: killed, stopped, failed, and the same files as without any of that. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunStatus } from '../../src/cluster/index.js';
import { listing, mpdnn, mpdnnProcess, resultFiles, succeeds } from '../cli/runMpdnn.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { type OneNodeSlurm, skipsSlurm, startSlurm } from './oneNodeSlurm.js';

const folder = temporaryFolder();
const quantized = `weightfile = FLOAT/params_best.safetensors
w_quantize = parametric_fp_d_xmax
a_quantize = parametric_fp_d_xmax_relu`;

writeFileSync(
  join(folder, 'sweep.cfg'),
  `[DEFAULT]
model = tiny
data = synthetic:96
batch_size = 16
epochs = 3
device = cpu
initial_learning_rate = 0.02
[FLOAT]
epochs = 1
[KILLED]
${quantized}
[STOPPED]
${quantized}
target_weight_kbytes = 0.8
[DIVERGES]
initial_learning_rate = 10
weight_decay = 1
batch_size = 8
epochs = 10
[CHILD]
weightfile = DIVERGES/params_best.safetensors
`,
);

function submit(out: string, ...more: string[]): string[] {
  return ['submit', ...more, '--cfg', 'sweep.cfg', '--out', out];
}

describe.skipIf(skipsSlurm)('on Slurm', () => {
  let slurm: OneNodeSlurm;
  const status = async (out: string): Promise<Record<string, RunStatus>> => {
    const { stdout } = await mpdnn(['status', out, '--json'], folder, { env: slurm.env });
    return Object.fromEntries((JSON.parse(stdout) as RunStatus[]).map((run) => [run.run, run]));
  };

  /** All that the jobs of a folder and Slurm have said. */
  const logs = (out: string): string =>
    listing(join(folder, out, 'jobs'))
      .filter((name) => /\.(log|out)$/.test(name))
      .map((name) => `${name}:\n${readFileSync(join(folder, out, 'jobs', name), 'utf8')}`)
      .concat(slurm.logs())
      .join('\n');

  const call = ['KILLED', 'STOPPED', 'CHILD'];

  beforeAll(async () => {
    slurm = await startSlurm();
    const stopOnce = pathToFileURL(resolve('test/cluster/stopOnce.mjs')).href;
    const env = {
      ...slurm.env,
      NODE_OPTIONS: `--import=${stopOnce}`,
      STOP_ONCE: 'SIGKILL KILLED/checkpoint.safetensors 2;SIGTERM STOPPED/checkpoint.safetensors 2',
    };
    const sent = await mpdnnProcess(submit('sent', ...call), folder, { env });
    expect(sent, sent.stderr).toMatchObject({ code: 0 });
    expect(sent.stdout).toMatch(/^\d+: FLOAT DIVERGES\n\d+: KILLED STOPPED\n\d+: CHILD\n$/);
    // One after the other, so that the one that fails does it first.
    const failFast = submit('fast', 'DIVERGES', 'KILLED', '--fail-fast', '--at-once', '1');
    const fast = await mpdnnProcess(failFast, folder, { env: slurm.env });
    expect(fast, fast.stderr).toMatchObject({ code: 0 });
    await slurm.drained();
  }, 300_000);
  afterAll(() => slurm?.stop());

  it('all runs come to their end by themselves, with the files of local ones', async () => {
    const runs = await status('sent');
    expect(
      Object.values(runs).map(({ run, state }) => [run, state]),
      logs('sent'),
    ).toEqual([
      ['CHILD', 'cancelled'],
      ['DIVERGES', 'failed'],
      ['FLOAT', 'finished'],
      ['KILLED', 'finished'],
      ['STOPPED', 'finished'],
    ]);
    expect(runs.CHILD?.note).toBe('DIVERGES gave it nothing to start from');
    expect(runs.DIVERGES?.note).toContain('not a finite number');
    const log = (run: string) => readFileSync(join(folder, 'sent/jobs', `${run}.log`), 'utf8');
    expect(log('STOPPED')).toMatch(/interrupted; go on with: .*--run STOPPED/);
    expect(log('KILLED')).toMatch(/Killed/);
    for (const name of ['FLOAT', 'KILLED', 'STOPPED']) {
      await succeeds(['train', name, '--cfg', 'sweep.cfg', '--out', 'local', '--no-plots'], folder);
      expect(resultFiles(join(folder, 'sent', name)), name).toEqual(resultFiles(join(folder, 'local', name)));
    }
  });

  it('nothing is sent again', async () => {
    const again = await mpdnn(submit('sent', ...call), folder, { env: slurm.env });
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toMatch(/^FLOAT: left out, finished before\n/);
    expect(again.stderr).toMatch(/\nCHILD: left out, DIVERGES has failed\n0 of 5 runs sent/);
  });

  it('a run that fails stops all others with --fail-fast', async () => {
    const runs = await status('fast');
    expect(
      Object.values(runs).map(({ run, state }) => [run, state]),
      logs('fast'),
    ).toEqual([
      ['DIVERGES', 'failed'],
      ['FLOAT', 'stopped'],
      ['KILLED', 'cancelled'],
    ]);
    expect(existsSync(join(folder, 'fast/FLOAT'))).toBe(false);
  });
});
