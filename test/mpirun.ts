/**
 * Calls of the program by Open MPI's `mpirun`. A machine without it (Debian's openmpi-bin) fails the tests that call it,
 * unless MPDNN_SKIP_MPI=1 says that they may be left out.
 */

import { execFile } from 'node:child_process';
import { compiledProgram, type Outcome } from './cli/runMpdnn.js';

export const skipsMpi = process.env.MPDNN_SKIP_MPI === '1';

/**
 * Settings of Open MPI: shared memory is all that is needed, without rights that a container lacks, and who waits leaves the
 * core to others, of whom there are more than cores.
 */
const settings = { btl: 'vader,self', btl_vader_single_copy_mechanism: 'none', mpi_yield_when_idle: '1' };

/** Runs calls of the program on so many processes each; as root, and more than there are cores, which mpirun wants to be told. */
export function mpirun(
  calls: readonly (readonly [processes: number, words: readonly string[]])[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  program = compiledProgram(),
): Promise<Outcome> {
  const parts = calls.map(([processes, words]) => [...['-n', String(processes), process.execPath, program, ...words]]);
  const words = [
    ...['--allow-run-as-root', '--oversubscribe'],
    ...Object.entries(settings).flatMap(([key, value]) => ['--mca', key, value]),
    ...parts.flatMap((part, at) => (at ? [':', ...part] : part)),
  ];
  return new Promise((done) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: 100_000 };
    const child = execFile('mpirun', words, options, (_, stdout, stderr) =>
      done({ code: child.exitCode, stdout, stderr }),
    );
  });
}
