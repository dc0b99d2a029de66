/**
 * The folder `OUT/jobs/` of a submission, with a log for each run, and a file that says which job trains it. The
 * results are in the run folders; there is no other state.
 */

import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { makeFolder, writeDurably } from '../disk/durableFile.js';
import type { PlannedRun } from '../runs/plan/planRuns.js';
import { json, readJson } from '../runs/runDocuments.js';

const recordSchema = z.object({
  /** The id of the scheduler's job, `12_3` for an array's element. */
  job: z.string(),
  /** The path of the run that it starts from. */
  startsFrom: z.string().nullable(),
  /** That of its teacher. */
  learnsFrom: z.string().nullable().default(null),
});

export type JobRecord = z.output<typeof recordSchema>;

export function jobFolder(out: string): string {
  return join(out, 'jobs');
}

/** The log of a run, by its path below `out`. */
export function logPath(out: string, run: string): string {
  return join(jobFolder(out), `${run}.log`);
}

/** The folders for the logs of runs, which a scheduler does not make. */
export function logFolders(out: string, runs: readonly PlannedRun[]): string[] {
  return [...new Set([jobFolder(out), ...runs.map(({ path }) => dirname(logPath(out, path)))])];
}

/**
 * Makes the folders for logs; returns those that did not exist, each behind its parent.
 *
 * @throws InputError if they cannot be made
 */
export function makeJobFolders(out: string, runs: readonly PlannedRun[]): string[] {
  return logFolders(out, runs).flatMap((folder) => makeFolder(folder));
}

/** Removes those of the folders that {@link makeJobFolders} has made which are empty. */
export function removeEmptyFolders(made: readonly string[]): void {
  for (const folder of made.toReversed()) {
    try {
      rmdirSync(folder);
    } catch {
      // Jobs that have been sent have files in it.
    }
  }
}

/** Saves the job that trains a run, by the run's path. */
export function keepRecord(out: string, run: string, record: JobRecord): void {
  writeDurably(recordPath(out, run), json(record));
}

/** The job last sent for each run, by the run's path. */
export function readRecords(out: string): Map<string, JobRecord> {
  const folder = jobFolder(out);
  if (!existsSync(folder)) return new Map();
  const names = (readdirSync(folder, { recursive: true }) as string[]).map((name) => name.replaceAll('\\', '/'));
  const runs = names.flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []));
  return new Map(runs.sort().map((run) => [run, readJson(recordPath(out, run), recordSchema)]));
}

function recordPath(out: string, run: string): string {
  return join(jobFolder(out), `${run}.json`);
}
