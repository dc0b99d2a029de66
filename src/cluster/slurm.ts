/** Calls of Slurm's programs, to submit jobs and to list the queue. */

import { spawnSync } from 'node:child_process';
import { codeOf } from '../disk/fileFault.js';
import { InputError } from '../errors.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { commandWords } from '../settings/index.js';
import { logFolders } from './jobFolder.js';
import type { SlurmJob } from './slurmScripts.js';

/** A job in the queue. */
export interface QueuedJob {
  /** Slurm's state, such as `PENDING`. */
  readonly state: string;
  /** The reason for waiting, such as `Dependency` or `Resources`. */
  readonly reason: string;
}

/**
 * The user's jobs that have not ended, by id: `12`, `12_3` for an array's element.
 *
 * @throws InputError if Slurm is not installed, or reports an error
 */
export function queuedJobs(): Map<string, QueuedJob> {
  const lines = call('squeue', ['--me', '--array', '--noheader', '--format=%i|%T|%r']).split('\n').filter(Boolean);
  return new Map(
    lines.map((line) => {
      const [id = '', state = '', reason = ''] = line.split('|');
      return [id, { state, reason }];
    }),
  );
}

/**
 * Submits jobs in order. `queuedJob`: id of the job of a run that an earlier call has sent. `onSent` is called with the
 * id of each job.
 *
 * @throws InputError with Slurm's own words if it is not installed or refuses a job; earlier jobs stay queued
 */
export function sendJobs(
  jobs: readonly SlurmJob[],
  queuedJob: QueuedJobOf,
  onSent: (job: SlurmJob, id: string) => void,
): void {
  forEachJob(jobs, queuedJob, (job, dependency) => {
    const id = call('sbatch', ['--parsable', ...dependency], job.script)
      .trim()
      .split(';')[0]!;
    onSent(job, id);
    return id;
  });
}

/** A shell script that submits the jobs, whose logs go below `out`. */
export function sendingScript(out: string, jobs: readonly SlurmJob[], queuedJob: QueuedJobOf): string {
  const parts: string[] = [];
  forEachJob(jobs, queuedJob, ({ script }, dependency) => {
    const name = `job${parts.length + 1}`;
    parts.push(`${name}=$(sbatch ${['--parsable', ...dependency].join(' ')} <<'END'\n${script}END\n)\n`);
    return `\${${name}}`;
  });
  if (parts.length === 0) return '';
  const folders = logFolders(
    out,
    jobs.flatMap(({ runs }) => runs),
  );
  return [`mkdir -p ${commandWords(folders)}\n`, ...parts].join('\n');
}

type QueuedJobOf = (run: PlannedRun) => string | undefined;

/** Calls `send` with each job and its dependency options; `send` returns the job's id. */
function forEachJob(
  jobs: readonly SlurmJob[],
  queuedJob: QueuedJobOf,
  send: (job: SlurmJob, dependency: readonly string[]) => string,
): void {
  const sent = new Map<PlannedRun, string>();
  const jobOf = (run: PlannedRun): string => {
    const id = sent.get(run) ?? queuedJob(run);
    if (id === undefined) throw new Error(`no job trains ${run.path}`);
    return id;
  };
  for (const job of jobs) {
    const id = send(job, dependencyOf(job, jobOf));
    for (const [index, run] of job.runs.entries()) sent.set(run, `${id}_${index}`);
  }
}

function dependencyOf({ waits }: SlurmJob, jobOf: (run: PlannedRun) => string): string[] {
  if (waits.of.length === 0) return [];
  const ids = waits.of.map(jobOf);
  // Without the second option a job with a failed dependency would stay in the queue for ever.
  if (waits.for === 'result') return [`--dependency=${['afterok', ...ids].join(':')}`, '--kill-on-invalid-dep=yes'];
  const arrays = new Set(ids.map((id) => id.replace(/_\d+$/, '')));
  return [`--dependency=${['afterany', ...arrays].join(':')}`];
}

function call(program: string, args: readonly string[], input = ''): string {
  const { error, status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  if (codeOf(error) === 'ENOENT') {
    throw new InputError(
      `${program}: no such program: this machine has no Slurm; log in where a cluster takes jobs, or install it (Debian: apt-get install slurm-wlm)`,
    );
  }
  if (error) throw error;
  if (status !== 0) {
    throw new InputError(`${commandWords([program, ...args])}: ${stderr.trim().replaceAll(/\s*\n\s*/g, '; ')}`);
  }
  return stdout;
}
