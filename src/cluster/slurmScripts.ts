/**
 * Job scripts for Slurm, as text. All decisions about time are Slurm's: queue, limits, priorities. A run that is
 * stopped between two steps, by a time limit or a preemption, has written a checkpoint; its job requeues itself, and
 * the call resumes the run. Accounting is not needed.
 */

import { InputError } from '../errors.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { commandWords } from '../settings/index.js';
import { jobFolder } from './jobFolder.js';
import { jobName, runOfIndex, type Submission } from './submission.js';

/** Options of sbatch by their long names; `null` for one without a value. */
export type SlurmOptions = ReadonlyMap<string, string | null>;

export interface SlurmJob {
  readonly script: string;
  /** The runs of its array, in order; none in the last job. */
  readonly runs: readonly PlannedRun[];
  /** The runs that it waits for: for the result of one, or for the end of all. */
  readonly waits: { readonly for: 'result' | 'end'; readonly of: readonly PlannedRun[] };
}

/** Options that the jobs set themselves. */
const ours = [
  'array',
  'dependency',
  'job-name',
  'kill-on-invalid-dep',
  'ntasks',
  'open-mode',
  'output',
  'parsable',
  'wrap',
];

/**
 * Seconds before the time limit at which Slurm sends a signal: enough for the current step and the checkpoint. Slurm
 * checks limits every half minute, so that less may be left.
 */
const WARNING_SECONDS = 120;

/** The most restarts after a checkpoint: two months of days. */
const RESTARTS = 60;
/** The most restarts after SIGKILL, from a failed machine or for too much memory, where a restart may help or not. */
const RESTARTS_KILLED = 3;

/**
 * Parses `time=4:00:00 gres=gpu:1 exclusive`.
 *
 * @throws InputError for words that are no option of sbatch, or that the jobs set themselves
 */
export function parseSlurmOptions(text: string): SlurmOptions {
  return new Map(
    text
      .split(/\s+/)
      .filter(Boolean)
      .map((word) => {
        const [, key, value] = /^(?:--)?([a-z][a-z-]*)(?:=(.+))?$/.exec(word) ?? [];
        if (key === undefined) {
          throw new InputError(
            `--slurm ${word}: is no option of sbatch; give long ones, such as time=4:00:00 exclusive`,
          );
        }
        if (ours.includes(key)) throw new InputError(`--slurm ${word}: the jobs set ${ours.join(', ')} themselves`);
        return [key, value ?? null] as const;
      }),
  );
}

/** The jobs of a submission in the order of sending. `program`: the words that start the program. */
export function slurmJobs(submission: Submission, options: SlurmOptions, program: readonly string[]): SlurmJob[] {
  const { out, batches, queued, call, last, failFast, atOnce, ranks, gpus } = submission;
  // TERM would also reach the `mpirun` of several cards and end it before the ranks have written a checkpoint.
  const warning = `${gpus !== null && gpus > 1 ? 'USR2' : 'TERM'}@${WARNING_SECONDS}`;
  const script = (own: SlurmOptions, before: readonly string[], step: readonly string[], log: string): string =>
    [...head(out, own, options, warning), ...before, ...body(out, step, log, failFast)].join('\n');
  const jobs = batches.map(({ runs, after }): SlurmJob => {
    const array = `0-${runs.length - 1}${atOnce === null ? '' : `%${atOnce}`}`;
    const own = { array, ...(ranks > 1 && { ntasks: `${ranks}` }), ...(gpus !== null && { gres: `gpu:${gpus}` }) };
    const words = `${commandWords([...program, ...call])} --run "$run"`;
    const step = ranks === 1 ? oneTask(words) : tasksOfMpi(ranks, words);
    return {
      script: script(new Map(Object.entries(own)), runOfIndex(runs, 'SLURM_ARRAY_TASK_ID'), step, '"$run"'),
      runs,
      waits: { for: 'result', of: after },
    };
  });
  if (last === null) return jobs;
  const waits = { for: 'end', of: [...queued, ...batches.flatMap(({ runs }) => runs)] } as const;
  const step = oneTask(commandWords([...program, ...last.call]));
  return [...jobs, { script: script(new Map(), [], step, commandWords([last.name])), runs: [], waits }];
}

function head(out: string, own: SlurmOptions, given: SlurmOptions, warning: string): string[] {
  const options: SlurmOptions = new Map([
    ['job-name', jobName(out)],
    ...own,
    ['output', `${jobFolder(out)}/slurm-%A.out`],
    ['open-mode', 'append'],
    ['cpus-per-task', '1'],
    ['requeue', null],
    ['signal', warning],
    ...given,
  ]);
  // With several tasks the signal goes to the script, which passes it on.
  const signal = `${own.has('ntasks') ? 'B:' : ''}${options.get('signal')?.replace(/^B:/, '')}`;
  const lines = [...new Map([...options, ['signal', signal]])].map(
    ([key, value]) => `#SBATCH --${key}${value === null ? '' : `=${commandWords([value])}`}`,
  );
  return ['#!/bin/bash', ...lines];
}

/** Runs the program as a job step, which signals reach. */
function oneTask(words: string): string[] {
  return [`srun --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" ${words} >>"$log" 2>&1`, 'code=$?'];
}

/**
 * Runs the program as `ranks` ranks by Open MPI, which asks Slurm for the job's machines. Signals reach the script,
 * which passes on one that `mpirun` passes on; a signal interrupts `wait`, but not the program.
 */
function tasksOfMpi(ranks: number, words: string): string[] {
  return [
    `mpirun --bind-to none -n ${ranks} ${words} >>"$log" 2>&1 &`,
    'ranks=$!',
    "trap 'kill -USR2 $ranks 2>/dev/null' INT TERM HUP USR1 USR2",
    'while kill -0 $ranks 2>/dev/null; do wait $ranks; done',
    'wait $ranks',
    'code=$?',
    'trap - INT TERM HUP USR1 USR2',
  ];
}

/** Runs a step that leaves its exit code in `code`, and requeues the job if that helps. */
function body(out: string, step: readonly string[], log: string, failFast: boolean): string[] {
  return [
    `log=${commandWords([jobFolder(out)])}/${log}.log`,
    ...step,
    '# 130: stopped, with a checkpoint if it was training. 137: killed; it goes on from its last checkpoint.',
    '# 129, 138, 140, 143: ended by HUP, USR1, USR2, TERM, which came before the program had begun and could stop by itself.',
    `case $code in 129|130|138|140|143) restarts=${RESTARTS} ;; 137) restarts=${RESTARTS_KILLED} ;; *) restarts=0 ;; esac`,
    // The last element of an array has the id of the array, and needs its index to requeue only itself.
    `job=\${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}\${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}`,
    // Slurm ends a requeued job; a script that ended earlier would count as failed.
    `if [ "\${SLURM_RESTART_COUNT:-0}" -lt $restarts ] && scontrol requeue "$job"; then sleep 300; fi`,
    ...(failFast ? ['if [ $code != 0 ]; then scancel --me --name="$SLURM_JOB_NAME"; fi'] : []),
    'exit $code',
    '',
  ];
}
