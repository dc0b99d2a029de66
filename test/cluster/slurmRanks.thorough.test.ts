/** A run on several ranks as a job of a real Slurm: stopped, and gone on with. */

import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mpdnnProcess, resultFiles, succeeds, writeTinyConfig } from '../cli/runMpdnn.js';
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

describe.skipIf(skipsSlurm || process.env.MPDNN_SKIP_MPI === '1')('ranks on Slurm', () => {
  let slurm: OneNodeSlurm;
  beforeAll(async () => {
    slurm = await startSlurm();
  });
  afterAll(() => slurm?.stop());

  it('stop at the same step, and leave the files of one process', async () => {
    const stopOnce = pathToFileURL(resolve('test/cluster/stopOnce.mjs')).href;
    const env = {
      ...slurm.env,
      ...mpi,
      NODE_OPTIONS: `--import=${stopOnce}`,
      STOP_ONCE: 'SIGTERM EXTENDED/checkpoint.safetensors 2',
    };
    const words = ['submit', 'EXTENDED', '--cfg', 'tiny.cfg', '--shards', '2', '--ranks', '2', '--out', 'sent'];
    const sent = await mpdnnProcess(words, folder, { env });
    expect(sent, sent.stderr).toMatchObject({ code: 0 });
    await slurm.drained();
    const log = readFileSync(join(folder, 'sent/jobs/EXTENDED.log'), 'utf8');
    const all = `${log}\n${slurm.logs()}`;
    expect(log.match(/^interrupted; go on with: /gm), all).toHaveLength(1);
    expect(existsSync(join(folder, 'sent/EXTENDED/summary.json')), all).toBe(true);
    await succeeds(['train', 'EXTENDED', '--cfg', 'tiny.cfg', '--shards', '2', '--out', 'local', '--no-plots'], folder);
    expect(resultFiles(join(folder, 'sent/EXTENDED'))).toEqual(resultFiles(join(folder, 'local/EXTENDED')));
  });
});
