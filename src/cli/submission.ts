/** Sending a plan of runs to a cluster: the options shared by `submit` and `--submit`, and the output. */

import { realpathSync } from 'node:fs';
import { type Command, Option } from 'commander';
import {
  keepRecord,
  kubernetesManifest,
  makeJobFolders,
  parseKubernetesOptions,
  parseSlurmOptions,
  planBatches,
  queuedJobs,
  readRecords,
  removeEmptyFolders,
  type SlurmJob,
  type Submission,
  sendingScript,
  sendJobs,
  slurmJobs,
} from '../cluster/index.js';
import { InputError } from '../errors.js';
import { checkFolders } from '../runs/plan/executePlan.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { checkRanks } from '../runs/runExperiment.js';
import { commandWords, type Overrides, programName } from '../settings/index.js';
import { withCards } from './gpus.js';
import { positive } from './options.js';

/** Options that say how a plan is run, here or by a cluster, under commander's names. */
export interface SubmissionOptions {
  readonly slurm?: string;
  readonly kubernetes?: string;
  readonly atOnce?: number;
  /** Processes a run. */
  readonly ranks?: number;
  /** Cards a run, one process each. */
  readonly gpus?: number;
  readonly failFast?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly submit?: boolean;
  /** Write the report of what is finished, and train nothing. */
  readonly report?: boolean;
  /** Runs at a time on this machine. */
  readonly parallel?: number;
  /** The paths of the only runs to train here, in a job or a lane. */
  readonly run?: readonly string[];
  /** Report events to the parent process. */
  readonly tell?: boolean;
}

/** The names of all submission options; the other options of a call make the plan. */
export const submissionKeys: readonly string[] = [
  'slurm',
  'kubernetes',
  'atOnce',
  'ranks',
  'gpus',
  'failFast',
  'dryRun',
  'force',
  'submit',
  'report',
  'parallel',
  'run',
  'tell',
];

export function addSubmissionOptions(command: Command): Command {
  return command
    .option('--slurm <options>', "options of sbatch, such as 'time=4:00:00 cpus-per-task=4 gres=gpu:1'")
    .option('--kubernetes <options>', "print a manifest instead, such as 'image=IMAGE claim=VOLUME cpu=4 memory=8Gi'")
    .addOption(new Option('--at-once <n>', 'number of runs at a time').argParser(positive))
    .addOption(new Option('--ranks <n>', 'processes per run, on one machine or several').argParser(positive))
    .addOption(
      new Option('--gpus <n>', 'GPUs per run, on one machine, one process each').argParser(positive).conflicts('ranks'),
    )
    .option('--fail-fast', 'a run that fails stops all others, not only those that start from it')
    .addOption(
      new Option('--run <path>', 'train this run here, as a job does; may be repeated')
        .argParser(onceMore)
        .conflicts(['submit', 'dryRun'])
        .hideHelp(),
    )
    .addOption(new Option('--tell', 'tell the process that has started this one how it goes').hideHelp());
}

/** The values of an option that may be repeated. */
function onceMore(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The .cfg keys among the options of a call. */
export function settingsAmong(options: Pick<SubmissionOptions, 'gpus'>): Overrides {
  const settings = Object.entries(options).filter(([key]) => !submissionKeys.includes(key));
  return withCards(Object.fromEntries(settings), options.gpus);
}

/** Throws an `InputError` for cluster options without --submit, or --parallel with it. */
export function refuseSubmissionOptions(options: SubmissionOptions): void {
  const { slurm, kubernetes, atOnce, ranks, gpus, failFast, submit, parallel, run } = options;
  if (submit && parallel !== undefined) {
    throw new InputError('--parallel: is for runs on this machine; with --submit say --at-once');
  }
  if (submit || run !== undefined) return;
  const [given] = Object.entries({ slurm, kubernetes, 'at-once': atOnce, ranks, gpus, 'fail-fast': failFast }).filter(
    ([, value]) => value !== undefined,
  );
  if (given) throw new InputError(`--${given[0]}: goes with --submit`);
}

/** Sends the runs that are not finished, or prints what would be sent. `call`: the words that make the plan. */
export function submit(
  plan: readonly PlannedRun[],
  { out, call, last }: Pick<Submission, 'out' | 'call' | 'last'>,
  options: SubmissionOptions,
): void {
  const { slurm = '', kubernetes, atOnce = null, failFast = false, dryRun = false, force = false } = options;
  const { ranks = 1, gpus = null } = options;
  for (const { experiment } of plan) checkRanks(experiment, gpus ?? ranks, gpus === null ? '--ranks' : '--gpus');
  checkFolders(plan, force);
  const records = readRecords(out);
  const queue = kubernetes === undefined && records.size > 0 ? queuedJobs() : new Map();
  const queuedJob = ({ path }: PlannedRun): string | undefined => {
    const job = records.get(path)?.job;
    return job !== undefined && queue.has(job) ? job : undefined;
  };
  const { batches, leftOut } = planBatches(plan, (run) => queuedJob(run) !== undefined);
  const submission: Submission = {
    ...{ out, batches, failFast, atOnce, ranks, gpus },
    queued: plan.filter((run) => queuedJob(run) !== undefined),
    call: [...call, ...(gpus === null ? [] : ['--gpus', String(gpus)]), ...(force ? ['--force'] : [])],
    last: batches.length === 0 ? null : last,
  };
  const sent = batches.flatMap(({ runs }) => runs);
  if (kubernetes !== undefined) {
    process.stdout.write(kubernetesManifest(submission, parseKubernetesOptions(kubernetes)));
  } else {
    // npx puts a link in a folder of its own, which other machines may lack.
    const program = [process.execPath, realpathSync(process.argv[1] ?? '')];
    const jobs = slurmJobs(submission, parseSlurmOptions(slurm), program);
    if (dryRun) {
      process.stdout.write(sendingScript(out, jobs, queuedJob));
    } else if (jobs.length > 0) {
      send(jobs, sent, queuedJob, { out, last });
    }
  }
  for (const { run, reason } of leftOut) process.stderr.write(`${run.path}: left out, ${reason}\n`);
  const count = `${sent.length} of ${plan.length} runs`;
  process.stderr.write(
    kubernetes !== undefined || dryRun
      ? `${count} to send\n`
      : `${count} sent; ${hint(out, sent.length === 0 ? last : null)}\n`,
  );
}

/** Sends jobs that train the runs `sent`, and keeps records of them. */
function send(
  jobs: readonly SlurmJob[],
  sent: readonly PlannedRun[],
  queuedJob: (run: PlannedRun) => string | undefined,
  { out, last }: Pick<Submission, 'out' | 'last'>,
): void {
  const folders = makeJobFolders(out, sent);
  try {
    sendJobs(jobs, queuedJob, ({ runs }, job) => {
      for (const [index, { path, startsFrom, learnsFrom }] of runs.entries()) {
        const before = { startsFrom: startsFrom?.path ?? null, learnsFrom: learnsFrom?.path ?? null };
        keepRecord(out, path, { job: `${job}_${index}`, ...before });
      }
      if (runs.length === 0 && last) keepRecord(out, last.name, { job, startsFrom: null, learnsFrom: null });
      process.stdout.write(`${job}: ${runs.length === 0 ? last?.name : runs.map(({ path }) => path).join(' ')}\n`);
    });
  } catch (error) {
    removeEmptyFolders(folders);
    throw error;
  }
}

/** The command to call next. `last`: the job that is left where all runs have ended, if any. */
function hint(out: string, last: Submission['last']): string {
  const [what, words] = last ? ['its report', last.call] : ['how far they are', ['status', out]];
  return `${what}: ${programName()} ${commandWords(words)}`;
}
