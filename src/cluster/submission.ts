/** What is sent to a cluster, whichever it is. */

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { commandWords } from '../settings/index.js';
import type { Batch } from './batches.js';

export interface Submission {
  /** The folder of the plan. */
  readonly out: string;
  readonly batches: readonly Batch[];
  /** Runs that an earlier call has sent and that have not ended. */
  readonly queued: readonly PlannedRun[];
  /** The words behind the program's name that make the plan; with `--run PATH` they train one of its runs. */
  readonly call: readonly string[];
  /** What is done when all runs have ended, such as a report; `null` for nothing. */
  readonly last: LastJob | null;
  /** A run that fails stops all others. */
  readonly failFast: boolean;
  /** Runs of a batch at a time, `null`: as many as the cluster gives. */
  readonly atOnce: number | null;
  /** Processes of each run, on any machines. */
  readonly ranks: number;
  /** Cards of each run, on one machine, where the program starts a process a card; `null` where nothing is said. */
  readonly gpus: number | null;
}

interface LastJob {
  /** Names its log. */
  readonly name: string;
  /** The words behind the program's name. */
  readonly call: readonly string[];
}

/** A name for all jobs of a folder, by which they are stopped together. */
export function jobName(out: string): string {
  return `mpdnn-${createHash('sha256').update(resolve(out)).digest('hex').slice(0, 8)}`;
}

/** Lines of a shell script that put the path of one of the runs into `run`; `index`: the variable that counts them from 0. */
export function runOfIndex(runs: readonly PlannedRun[], index: string): string[] {
  return [`runs=(${commandWords(runs.map(({ path }) => path))})`, `run=\${runs[$${index}]}`];
}
