/** Jobs of a real Slurm that take long: one of several ranks, and one that is longer than its time limit. */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mpdnnProcess, resultFiles, succeeds, writeTinyConfig } from '../cli/runMpdnn.js';
import { skipsMpi } from '../mpirun.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { type OneNodeSlurm, skipsSlurm, startSlurm } from './oneNodeSlurm.js';

const folder = temporaryFolder();
writeTinyConfig(folder);

/** Shared memory needs no rights that a container lacks, and mpirun is told that root may call it. */
const mpi = {
  OMPI_MCA_btl_vader_single_copy_mechanism: 'none',
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
};

describe.skipIf(skipsSlurm)('a job', () => {
  let slurm: OneNodeSlurm;
  beforeAll(async () => {
    slurm = await startSlurm();
    await succeeds(['train', 'EXTENDED', '--cfg', 'tiny.cfg', '--shards', '2', '--out', 'local', '--no-plots'], folder);
  });
  afterAll(() => slurm?.stop());

  /** Sends EXTENDED, which stops once and is resumed by its job; its files equal those of an uninterrupted run. */
  async function stopsAndGoesOn(
    out: string,
    words: readonly string[],
    hook: string,
    env: Readonly<Record<string, string>>,
  ) {
    const call = ['submit', 'EXTENDED', '--cfg', 'tiny.cfg', '--shards', '2', '--out', out, ...words];
    const NODE_OPTIONS = `--import=${pathToFileURL(resolve('test/cluster', hook)).href}`;
    const sent = await mpdnnProcess(call, folder, { env: { ...slurm.env, ...env, NODE_OPTIONS } });
    expect(sent, sent.stderr).toMatchObject({ code: 0 });
    await slurm.drained();
    const log = readFileSync(join(folder, out, 'jobs/EXTENDED.log'), 'utf8');
    const all = `${log}\n${slurm.logs()}`;
    expect(log, all).toMatch(/^interrupted; go on with: /m);
    expect(existsSync(join(folder, out, 'EXTENDED/summary.json')), all).toBe(true);
    expect(resultFiles(join(folder, out, 'EXTENDED'))).toEqual(resultFiles(join(folder, 'local/EXTENDED')));
  }

  it.skipIf(skipsMpi)('of several ranks stops at the same step of all, and leaves the files of one process', () =>
    stopsAndGoesOn('ranks', ['--ranks', '2'], 'stopOnce.mjs', {
      ...mpi,
      STOP_ONCE: 'SIGTERM EXTENDED/checkpoint.safetensors 2',
    }),
  );

  // Limits are whole minutes, which Slurm looks at every half minute: there is time to start in.
  it('longer than its time limit ends all the same, with the same files', () =>
    stopsAndGoesOn('limited', ['--slurm', 'time=2 signal=TERM@80'], 'untilLimit.mjs', {
      UNTIL_LIMIT: join(folder, 'limit'),
    }));
});
