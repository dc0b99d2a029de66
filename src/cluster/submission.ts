/** A submission of runs to any cluster. */

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
  /** The command line's words that make the plan; with `--run PATH` they train one of its runs. */
  readonly call: readonly string[];
  /** A job after all runs have ended, such as a report; `null` for none. */
  readonly last: LastJob | null;
  /** True if a failed run stops all others. */
  readonly failFast: boolean;
  /** Runs of a batch at a time, `null` for as many as the cluster allows. */
  readonly atOnce: number | null;
  /** Processes of each run, on any machines. */
  readonly ranks: number;
  /** Cards of each run, on one machine, with one process a card; `null` if not given. */
  readonly gpus: number | null;
}

interface LastJob {
  /** Name of its log. */
  readonly name: string;
  /** The words behind the program's name. */
  readonly call: readonly string[];
}

/** One name for all jobs of a folder, by which they can be cancelled together. */
export function jobName(out: string): string {
  return `mpdnn-${createHash('sha256').update(resolve(out)).digest('hex').slice(0, 8)}`;
}

/** Lines of a shell script that set `run` to the path of one of the runs. `index`: variable with its index from 0. */
export function runOfIndex(runs: readonly PlannedRun[], index: string): string[] {
  return [`runs=(${commandWords(runs.map(({ path }) => path))})`, `run=\${runs[$${index}]}`];
}
